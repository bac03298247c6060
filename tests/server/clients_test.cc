// The server with the official clients of the APIs that it speaks (tools/fetch_clients.sh).
#include <fmt/format.h>
#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>

#include "base/json.h"
#include "server/running_server.h"

namespace saccade::server {
namespace {

/// Runs a script of tests/server/clients against a server of its own, where node and the client
/// are.
void run_client(const std::string& script, const std::string& package) {
  namespace fs = std::filesystem;
  const fs::path source = SACCADE_SOURCE_DIR;
  const fs::path packages = source / "build" / "clients" / "node_modules";
  if (std::system("node --version > /dev/null 2>&1") != 0) GTEST_SKIP() << "node is not installed";
  if (!fs::exists(packages / package)) {
    GTEST_SKIP() << package << " is not there: tools/fetch_clients.sh fetches it";
  }
  const RunningServer server;
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

TEST(Clients, OpenAis) {
  run_client("openai.mjs", "openai");
}

TEST(Clients, Anthropics) {
  run_client("anthropic.mjs", "@anthropic-ai/sdk");
}

}  // namespace
}  // namespace saccade::server
