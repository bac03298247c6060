#include "server/client_script.h"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/json.h"
#include "node_packages.h"

namespace saccade::server {

void run_client(const RunningServer& server, const std::string& script,
                const std::string& package) {
  namespace fs = std::filesystem;
  const fs::path source = SACCADE_SOURCE_DIR;
  if (const std::string missing = missing_for_node(package); !missing.empty()) {
    GTEST_SKIP() << missing;
  }
  // A script finds packages beside itself.
  const TemporaryDirectory directory;
  fs::create_directory_symlink(node_packages(), directory.path() / "node_modules");
  fs::copy_file(source / "tests" / "server" / "clients" / script, directory.path() / script);
  const std::string output = directory.file("output");
  const std::string command =
      fmt::format("node '{}' http://127.0.0.1:{} '{}' > '{}' 2>&1", directory.file(script),
                  server.port(), (source / "assets" / "pictures" / "beach.jpg").string(), output);
  EXPECT_EQ(std::system(command.c_str()), 0) << read_text_file(output) << server.log();
}

}  // namespace saccade::server
