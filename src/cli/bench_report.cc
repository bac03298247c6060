#include "cli/bench_report.h"

#include <fmt/format.h>
#include <fmt/ranges.h>

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
  if (row.what == "media") {
    return fmt::format("JPEG of {}x{} pixels to {} patches", parameter(row, "width"),
                       parameter(row, "height"), count("patches"));
  }
  if (row.what == "first_token") return "load and " + count("tokens") + " tokens";
  return row.what == "memory" ? "resident, at most" : "";
}

/// Of the row "memory", where its parts are known.
std::string parts_of_memory(const BenchRow& row) {
  if (row.parameters.empty()) return "";
  const auto bytes = [&](const char* name) { return short_bytes(parameter(row, name)); };
  return fmt::format("memory: {} are weights, {} keys and values in use, {} besides",
                     bytes("weight_bytes"), bytes("kv_bytes"), bytes("working_bytes"));
}

/// "1.475 TOP/s int8"
std::string peak_text(const BenchPeak& peak) {
  const bool integers = peak.arithmetic.starts_with("int");
  return fmt::format("{:.4g} {} {}", peak.operations_per_second / 1e12,
                     integers ? "TOP/s" : "TFLOP/s", peak.arithmetic);
}

std::string roofline_text(const BenchRoofline& roofline) {
  Table table({Align::kLeft, Align::kLeft, Align::kLeft});
  table.add_row(
      {"memory", fmt::format("{:.4g} GB/s", roofline.bytes_per_second / 1e9), roofline.bandwidth});
  std::vector<std::string> peaks;
  for (const BenchPeak& peak : roofline.peaks) peaks.push_back(peak_text(peak));
  table.add_row({"products", fmt::format("{}", fmt::join(peaks, ", ")), roofline.products});
  return table.text();
}

std::string memory_text(const BenchReport& report) {
  const std::int64_t besides =
      std::max<std::int64_t>(0, report.memory_taken_bytes - report.weight_bytes - report.kv_bytes);
  return fmt::format("device memory: {} taken; {} are weights, {} keys and values, {} besides",
                     short_bytes(report.memory_taken_bytes), short_bytes(report.weight_bytes),
                     short_bytes(report.kv_bytes), short_bytes(besides));
}

/// `threads`: of the processor; 0 for a GPU.
json::object row_json(const BenchRow& row, int threads) {
  json::object object{{"what", row.what}};
  if (threads > 0) object["threads"] = threads;
  for (const auto& [name, value] : row.parameters) object[name] = value;
  object["median"] = rounded(row.median);
  object["min"] = rounded(row.min);
  object["max"] = rounded(row.max);
  object["unit"] = row.unit;
  if (row.ms) object["median_ms"] = rounded(*row.ms);
  if (row.limit) {
    object["limit"] = rounded(*row.limit);
    object["share"] = *row.share;  // not rounded: tiny models reach thousandths of a limit
    object["bound"] = row.bound;
  }
  if (row.joules) {
    object[row.unit == "tokens/s" ? "joules_per_token" : "joules"] = rounded(*row.joules);
  }
  return object;
}

json::object roofline_json(const BenchRoofline& roofline, int threads) {
  json::object object;
  if (threads > 0) object["threads"] = threads;
  object["bytes_per_second"] = rounded(roofline.bytes_per_second);
  object["bandwidth"] = roofline.bandwidth;
  for (const BenchPeak& peak : roofline.peaks) {
    object[peak.arithmetic + "_operations_per_second"] = rounded(peak.operations_per_second);
  }
  object["products"] = roofline.products;
  return object;
}

int processor_threads(const BenchReport& report) {
  return is_processor(report.device) ? report.device.threads : 0;
}

constexpr const char* kNoEnergy = "not available";

}  // namespace

std::string bench_text(const BenchReport& report, const std::string& model) {
  std::string text = fmt::format("{} on {} ({}, {})\n", model, report.device.name,
                                 report.device.description, device_powers(report.device));
  if (report.roofline) text += roofline_text(*report.roofline);
  constexpr Align kLeft = Align::kLeft;
  constexpr Align kRight = Align::kRight;
  Table table({kLeft, kLeft, kRight, kRight, kRight, kLeft, kRight, kRight, kRight, kLeft, kRight});
  const bool limits = report.roofline.has_value();
  const bool energy = !report.energy_source.empty();
  table.add_row({"what", "", "median", "min", "max", "", "time", limits ? "limit" : "",
                 limits ? "share" : "", limits ? "bound by" : "", energy ? "energy" : ""});
  for (const BenchRow& row : report.rows) {
    const bool bytes = row.unit == "bytes";
    table.add_row(
        {row.what, parameters_text(row), in_unit(row.median, row.unit), in_unit(row.min, row.unit),
         in_unit(row.max, row.unit), bytes ? "" : row.unit, row.ms ? figure(*row.ms) + " ms" : "",
         row.limit ? figure(*row.limit) : "",
         row.share ? fmt::format("{:.1f} %", *row.share * 100.0) : "", row.bound,
         row.joules ? fmt::format("{:.3g} J{}", *row.joules, row.unit == "tokens/s" ? "/token" : "")
                    : ""});
  }
  text += "\n" + table.text() + "\n";
  text +=
      (is_processor(report.device) ? parts_of_memory(report.rows.back()) : memory_text(report)) +
      "\n";
  text += fmt::format("energy: {}\n", energy ? report.energy_source : kNoEnergy);
  return text;
}

json::object bench_json(std::span<const BenchReport> reports, const std::string& model) {
  const BenchReport& first = reports.front();
  json::object machine = device_json(first.device);
  machine["memory_taken_bytes"] = first.memory_taken_bytes;
  machine["energy"] = first.energy_source.empty() ? kNoEnergy : first.energy_source;
  machine["model"] = {
      {"name", model}, {"weight_bytes", first.weight_bytes}, {"kv_bytes", first.kv_bytes}};
  json::array rooflines;
  json::array rows;
  for (const BenchReport& report : reports) {
    const int threads = processor_threads(report);
    if (report.roofline) rooflines.push_back(roofline_json(*report.roofline, threads));
    for (const BenchRow& row : report.rows) rows.push_back(row_json(row, threads));
  }
  if (!rooflines.empty()) machine["rooflines"] = std::move(rooflines);
  return {{"machine", std::move(machine)}, {"rows", std::move(rows)}};
}

}  // namespace saccade::cli
