// The server with the official clients of the APIs that it speaks (tools/fetch_clients.sh).
#include <gtest/gtest.h>

#include "server/client_script.h"

namespace saccade::server {
namespace {

TEST(Clients, OpenAis) {
  run_client(RunningServer(), "openai.mjs", "openai");
}

TEST(Clients, Anthropics) {
  run_client(RunningServer(), "anthropic.mjs", "@anthropic-ai/sdk");
}

}  // namespace
}  // namespace saccade::server
