#include "cli/bench_report.h"

#include <fmt/format.h>

#include <algorithm>
#include <boost/json/array.hpp>
#include <cmath>

#include "cli/numbers.h"
#include "cli/reports.h"
#include "cli/result_json.h"
#include "cli/table.h"

namespace saccade::cli {
namespace json = boost::json;
namespace {

/// Four significant digits, which is more than a clock can tell.
std::string figure(double value) {
  if (value >= 1000.0) return thousands(std::llround(value));
  return fmt::format("{:.4g}", value);
}

std::string in_unit(double value, const std::string& unit) {
  if (unit == "bytes") return short_bytes(std::llround(value));
  return figure(value);
}

std::int64_t parameter(const BenchRow& row, const std::string& name) {
  for (const auto& [key, value] : row.parameters) {
    if (key == name) return value;
  }
  return 0;
}

std::string parameters_text(const BenchRow& row) {
  const auto count = [&](const char* name) { return thousands(parameter(row, name)); };
  if (row.what == "prefill") return count("tokens") + " tokens";
  if (row.what == "decode") {
    const bool one = parameter(row, "batch") == 1;
    return fmt::format("{} sequence{} of {} tokens, {} more", count("batch"), one ? "" : "s",
                       count("context"), count("tokens"));
  }
  if (row.what == "vision") {
    return fmt::format("{}x{} pixels, {} patches", parameter(row, "width"),
                       parameter(row, "height"), count("patches"));
  }
  return row.what == "memory" ? "resident, at most" : "";
}

std::string roofline_text(const BenchRoofline& roofline) {
  Table table({Align::kLeft, Align::kLeft, Align::kLeft});
  table.add_row(
      {"memory", fmt::format("{:.4g} GB/s", roofline.bytes_per_second / 1e9), roofline.bandwidth});
  table.add_row({"matmul",
                 fmt::format("{:.4g} TFLOP/s of float weights, {:.4g} of quantized ones",
                             roofline.float_flops / 1e12, roofline.quantized_flops / 1e12),
                 roofline.matmul});
  return table.text();
}

std::string memory_text(const BenchReport& report) {
  const std::int64_t besides =
      std::max<std::int64_t>(0, report.memory_taken_bytes - report.weight_bytes - report.kv_bytes);
  return fmt::format("device memory: {} taken; {} are weights, {} keys and values, {} besides",
                     short_bytes(report.memory_taken_bytes), short_bytes(report.weight_bytes),
                     short_bytes(report.kv_bytes), short_bytes(besides));
}

json::object row_json(const BenchRow& row) {
  json::object object{{"what", row.what}};
  for (const auto& [name, value] : row.parameters) object[name] = value;
  object["median"] = rounded(row.median);
  object["min"] = rounded(row.min);
  object["max"] = rounded(row.max);
  object["unit"] = row.unit;
  if (row.ms) object["median_ms"] = rounded(*row.ms);
  if (row.limit) {
    object["limit"] = rounded(*row.limit);
    object["share"] = rounded(*row.share);
    object["bound"] = row.bound;
  }
  return object;
}

json::object roofline_json(const BenchRoofline& roofline) {
  return {{"bytes_per_second", rounded(roofline.bytes_per_second)},
          {"bandwidth", roofline.bandwidth},
          {"float_flops_per_second", rounded(roofline.float_flops)},
          {"quantized_flops_per_second", rounded(roofline.quantized_flops)},
          {"matmul", roofline.matmul}};
}

}  // namespace

std::string bench_text(const BenchReport& report, const std::string& model) {
  std::string text = fmt::format("{} on {} ({}, {})\n", model, report.device.name,
                                 report.device.description, device_powers(report.device));
  if (report.roofline) text += roofline_text(*report.roofline);
  constexpr Align kLeft = Align::kLeft;
  constexpr Align kRight = Align::kRight;
  Table table({kLeft, kLeft, kRight, kRight, kRight, kLeft, kRight, kRight, kRight, kLeft});
  const bool limits = report.roofline.has_value();
  table.add_row({"what", "", "median", "min", "max", "", "time", limits ? "limit" : "",
                 limits ? "share" : "", limits ? "bound by" : ""});
  for (const BenchRow& row : report.rows) {
    const bool bytes = row.unit == "bytes";
    table.add_row({row.what, parameters_text(row), in_unit(row.median, row.unit),
                   in_unit(row.min, row.unit), in_unit(row.max, row.unit), bytes ? "" : row.unit,
                   row.ms ? figure(*row.ms) + " ms" : "", row.limit ? figure(*row.limit) : "",
                   row.share ? fmt::format("{:.1f} %", *row.share * 100.0) : "", row.bound});
  }
  text += "\n" + table.text();
  if (!is_processor(report.device)) text += "\n" + memory_text(report) + "\n";
  return text;
}

json::object bench_json(const BenchReport& report, const std::string& model) {
  json::object machine = device_json(report.device);
  machine["memory_taken_bytes"] = report.memory_taken_bytes;
  if (report.roofline) machine["roofline"] = roofline_json(*report.roofline);
  json::array rows;
  for (const BenchRow& row : report.rows) rows.push_back(row_json(row));
  return {{"model", model},
          {"weight_bytes", report.weight_bytes},
          {"kv_bytes", report.kv_bytes},
          {"machine", std::move(machine)},
          {"rows", std::move(rows)}};
}

}  // namespace saccade::cli
