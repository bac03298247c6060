#include "cli/bench_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_text.h"

namespace saccade::cli {
namespace {

using testing::HasSubstr;

BenchReport sample() {
  BenchReport report;
  report.complete = true;
  report.device = {"cuda:0", "Some GPU",  132,        "compute capability 9.0",
                   {},       140LL << 30, 100LL << 30};
  report.memory_taken_bytes = 40LL << 30;
  report.weight_bytes = 15LL << 30;
  report.kv_bytes = 24LL << 30;
  report.roofline =
      BenchRoofline{4.2e12, "copy", {{"bf16", 7.5e14}, {"int8", 1.4e15}}, "own products"};
  report.energy_source = "NVML";
  report.rows = {{"load", {}, 1234.5, 1234.5, 1234.5, "ms"},
                 {"vision",
                  {{"width", 1008}, {"height", 1008}, {"patches", 5184}, {"tokens", 1296}},
                  16.5,
                  16.25,
                  17.0,
                  "ms",
                  std::nullopt,
                  9.0,
                  0.5454,
                  "bf16",
                  4.5},
                 {"decode",
                  {{"batch", 16}, {"context", 512}, {"tokens", 128}},
                  2400.0,
                  2300.0,
                  2450.0,
                  "tokens/s",
                  6.6667,
                  3000.0,
                  0.8,
                  "memory",
                  0.25},
                 {"memory", {}, 3.0 * (1 << 30), 3.0 * (1 << 30), 3.0 * (1 << 30), "bytes"}};
  return report;
}

TEST(BenchText, IsATable) {
  EXPECT_EQ(bench_text(sample(), "some model"),
            "some model on cuda:0 (Some GPU, compute capability 9.0, 132 multiprocessors)\n"
            "memory    4200 GB/s                          copy\n"
            "products  750 TFLOP/s bf16, 1400 TOP/s int8  own products\n"
            "\n"
            "what                                            median       min       max          "
            "      time  limit   share  bound by        energy\n"
            "load                                             1,235     1,235     1,235  ms\n"
            "vision  1008x1008 pixels, 5,184 patches           16.5     16.25        17  ms      "
            "                9  54.5 %  bf16             4.5 J\n"
            "decode  16 sequences of 512 tokens, 128 more     2,400     2,300     2,450  "
            "tokens/s  6.667 ms  3,000  80.0 %  memory    0.25 J/token\n"
            "memory  resident, at most                     3.00 GiB  3.00 GiB  3.00 GiB\n"
            "\n"
            "device memory: 40.0 GiB taken; 15.0 GiB are weights, 24.0 GiB keys and values, 1.00 "
            "GiB besides\n"
            "energy: NVML\n");
}

TEST(BenchText, SaysNothingOfLimitsThatWereNotMeasured) {
  BenchReport report = sample();
  report.roofline.reset();
  report.device = {"cpu", "Some Processor", 2, "avx2", {}, 0, 0};
  report.energy_source.clear();
  report.rows.back().parameters = {
      {"weight_bytes", 2LL << 30}, {"kv_bytes", 1LL << 29}, {"working_bytes", 1LL << 29}};
  const std::string text = bench_text(report, "some model");
  EXPECT_THAT(text, HasSubstr("some model on cpu (Some Processor, avx2, 2 threads)\n\nwhat"));
  EXPECT_THAT(text, Not(HasSubstr("bound by")));
  EXPECT_THAT(text, HasSubstr("memory: 2.00 GiB are weights, 512 MiB keys and values in use, 512 "
                              "MiB besides\nenergy: not available\n"));
  EXPECT_THAT(text, Not(HasSubstr("device memory")));
}

TEST(BenchJson, HasTheMachineAndItsRows) {
  const std::vector<BenchReport> reports = {sample()};
  const boost::json::object object = bench_json(reports, "some model");
  EXPECT_EQ(object.size(), 2U);
  const boost::json::object& machine = object.at("machine").as_object();
  EXPECT_EQ(machine.at("name"), "cuda:0");
  EXPECT_EQ(machine.at("energy"), "NVML");
  EXPECT_EQ(machine.at("memory_taken_bytes"), 40LL << 30);
  EXPECT_EQ(json_text(machine.at("model")),
            R"({"name": "some model", "weight_bytes": 16106127360, "kv_bytes": 25769803776})");
  EXPECT_EQ(json_text(machine.at("rooflines")),
            R"([{"bytes_per_second": 4200000000000, "bandwidth": "copy", )"
            R"("bf16_operations_per_second": 750000000000000, )"
            R"("int8_operations_per_second": 1400000000000000, "products": "own products"}])");
  EXPECT_EQ(json_text(object.at("rows").at(0)),
            R"({"what": "load", "median": 1234.5, "min": 1234.5, "max": 1234.5, "unit": "ms"})");
  EXPECT_EQ(json_text(object.at("rows").at(2)),
            R"({"what": "decode", "batch": 16, "context": 512, "tokens": 128, "median": 2400, )"
            R"("min": 2300, "max": 2450, "unit": "tokens/s", "median_ms": 6.667, "limit": 3000, )"
            R"("share": 0.8, "bound": "memory", "joules_per_token": 0.25})");
}

TEST(BenchJson, NamesTheThreadsOfAProcessorInEveryRow) {
  std::vector<BenchReport> reports = {sample(), sample()};
  for (int i = 0; i < 2; ++i) {
    reports[i].device = {"cpu", "Some Processor", i + 1, "avx2", {}, 0, 0};
    reports[i].energy_source.clear();
  }
  const boost::json::object object = bench_json(reports, "some model");
  EXPECT_EQ(object.at("machine").at("energy"), "not available");
  EXPECT_EQ(object.at("rows").as_array().size(), 2 * reports[0].rows.size());
  EXPECT_EQ(object.at("rows").as_array().front().at("threads"), 1);
  EXPECT_EQ(object.at("rows").as_array().back().at("threads"), 2);
}

}  // namespace
}  // namespace saccade::cli
