#include "server/client_script.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/json.h"

namespace saccade::server {

void run_client(const RunningServer& server, const std::string& script,
                const std::string& package) {
  namespace fs = std::filesystem;
  const fs::path source = SACCADE_SOURCE_DIR;
  const fs::path packages = source / "build" / "clients" / "node_modules";
  if (std::system("node --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "node is not installed";
  if (!fs::exists(packages / package)) {
    GTEST_SKIP() << package << " is not there: tools/fetch_clients.sh fetches it";
  }
  // A script finds packages beside itself.
  const TemporaryDirectory directory;
  fs::create_directory_symlink(packages, directory.path() / "node_modules");
  fs::copy_file(source / "tests" / "server" / "clients" / script, directory.path() / script);
  const std::string output = directory.file("output");
  const std::string command =
      fmt::format("node '{}' http://127.0.0.1:{} '{}' > '{}' 2>&1", directory.file(script),
                  server.port(), (source / "assets" / "pictures" / "beach.jpg").string(), output);
  EXPECT_EQ(std::system(command.c_str()), 0) << read_text_file(output) << server.log();
}

}  // namespace saccade::server
