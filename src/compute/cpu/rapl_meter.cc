#include "compute/cpu/rapl_meter.h"

#include <fmt/format.h>

#include <fstream>
#include <string>

namespace saccade::compute::cpu {
namespace {

std::optional<std::int64_t> number_in(const std::filesystem::path& path) {
  std::ifstream file(path);
  std::int64_t number = 0;
  if (file >> number) return number;
  return std::nullopt;
}

/// "intel-rapl:0" is a package, "intel-rapl:0:1" a part of it; AMD's have the same name.
bool names_package(const std::string& name) {
  const std::string_view prefix = "intel-rapl:";
  return name.starts_with(prefix) && name.find(':', prefix.size()) == std::string::npos;
}

}  // namespace

RaplMeter::RaplMeter(const std::filesystem::path& powercap) {
  std::error_code none;
  for (const auto& entry : std::filesystem::directory_iterator(powercap, none)) {
    if (!names_package(entry.path().filename().string())) continue;
    // "psys" counts the whole platform, the packages among it.
    std::string name;
    std::ifstream(entry.path() / "name") >> name;
    const std::filesystem::path counter = entry.path() / "energy_uj";
    const auto now = number_in(counter);
    if (!now || !name.starts_with("package")) continue;
    const auto range = number_in(entry.path() / "max_energy_range_uj");
    packages_.push_back({counter, range.value_or(0), *now});
  }
}

std::optional<Energy> RaplMeter::read() {
  if (packages_.empty()) return std::nullopt;
  for (Package& package : packages_) {
    const auto now = number_in(package.counter);
    if (!now) return std::nullopt;
    const std::int64_t started_anew = *now < package.last ? package.range : 0;
    joules_ += 1e-6 * static_cast<double>(*now - package.last + started_anew);
    package.last = *now;
  }
  return Energy{joules_, fmt::format("RAPL, {} package{}", packages_.size(),
                                     packages_.size() == 1 ? "" : "s")};
}

}  // namespace saccade::compute::cpu
