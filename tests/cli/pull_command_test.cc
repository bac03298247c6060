// saccade pull, from a server of the test's own.
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <chrono>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include "base/json.h"
#include "fake_hub.h"
#include "model_copy.h"
#include "process.h"
#include "temporary_directory.h"
#include "terminal.h"

namespace saccade::cli {
namespace {

namespace fs = std::filesystem;
using hub::FakeHub;
using hub::Fault;
using hub::SeenRequest;
using testing::HasSubstr;

constexpr std::size_t kWeightBytes = 4'000'000;

/// The program finds the fake Hub and a cache of the test's own in its environment.
class Pull : public testing::Test {
 protected:
  Pull() {
    unsetenv("HF_HUB_CACHE");
    unsetenv("HF_TOKEN");
    setenv("HF_HOME", home_.path().c_str(), 1);
    setenv("HF_ENDPOINT", hub_.endpoint().c_str(), 1);
  }
  ~Pull() override {
    unsetenv("HF_HOME");
    unsetenv("HF_ENDPOINT");
  }

  /// A model that takes about a second to come.
  void add_slow_model() {
    hub_.add("config.json", "{}", false);
    hub_.add("model.safetensors", std::string(kWeightBytes, 'w'), true);
    hub_.set_fault([](const SeenRequest&) { return Fault{.pause = std::chrono::milliseconds(8)}; });
  }
  fs::path folder() const { return home_.path() / "hub" / "models--org--name"; }
  fs::path snapshot() const { return folder() / "snapshots" / hub::kCommit; }
  /// Pulls again without hindrance; returns the bytes served.
  std::int64_t go_on() {
    hub_.set_fault({});
    hub_.forget();
    const Outcome outcome = run_program({"pull", "org/name"});
    EXPECT_EQ(outcome.status, 0) << outcome.err;
    EXPECT_EQ(fs::file_size(snapshot() / "model.safetensors"), kWeightBytes);
    return hub_.served_bytes();
  }

  FakeHub hub_;
  TemporaryDirectory home_;
};

TEST_F(Pull, FetchesAModelThatThenRuns) {
  for (const auto& file : fs::directory_iterator(golden_model())) {
    const std::string name = file.path().filename();
    hub_.add(name, read_text_file(file), name.ends_with(".safetensors"));
  }
  const Outcome pulled = run_program({"pull", "org/name"});
  EXPECT_EQ(pulled.status, 0) << pulled.err;
  EXPECT_EQ(pulled.out, snapshot().string() + "\n");
  EXPECT_THAT(pulled.err, HasSubstr("\nmodel.safetensors: "));
  EXPECT_EQ(pulled.err.find('\r'), std::string::npos) << "no bar where there is no terminal";
  const Outcome answer = run_program({"run", "org/name", "Hi", "--max-tokens", "1"});
  EXPECT_EQ(answer.status, 0) << answer.err;
  const Outcome again = run_program({"pull", "org/name"});
  EXPECT_THAT(again.err, HasSubstr("model.safetensors: "));
  EXPECT_THAT(again.err, HasSubstr(", already there"));
  EXPECT_THAT(again.err, HasSubstr("downloaded 0 B"));
}

TEST_F(Pull, ShowsABarOnATerminal) {
  add_slow_model();
  Terminal terminal({"pull", "org/name"});
  terminal.wait_for(" left");
  EXPECT_EQ(terminal.wait_for_end(), 0);
  EXPECT_THAT(terminal.screen(), HasSubstr(">"));
  EXPECT_THAT(terminal.screen(), HasSubstr(" of 3.81 MiB  "));
  EXPECT_THAT(terminal.screen(), HasSubstr("2 files, 3.81 MiB"));
  EXPECT_THAT(terminal.screen(), HasSubstr(snapshot().string()));
}

TEST_F(Pull, CtrlCLeavesWhatALaterPullGoesOnWith) {
  add_slow_model();
  Terminal terminal({"pull", "org/name"});
  terminal.wait_for(" left");
  terminal.type("\x03");
  EXPECT_EQ(terminal.wait_for_end(), 130);
  EXPECT_THAT(terminal.screen(), HasSubstr("is kept"));
  EXPECT_FALSE(fs::exists(snapshot()));
  EXPECT_LT(go_on(), static_cast<std::int64_t>(kWeightBytes));
}

TEST_F(Pull, AKilledPullIsTakenUp) {
  add_slow_model();
  hub_.set_fault([](const SeenRequest&) { return Fault{.pause = std::chrono::milliseconds(16)}; });
  const pid_t child = fork();
  if (child == 0) become_program({"pull", "org/name"});
  // Until the second sidecar, which knows of a second's bytes.
  std::string sidecar;
  for (int tries = 0; tries < 500 && sidecar.find("[0,") == std::string::npos; ++tries) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::error_code status;
    for (const auto& file : fs::directory_iterator(folder() / "blobs", status)) {
      if (file.path().string().ends_with("-ranges.json")) sidecar = read_text_file(file);
    }
  }
  kill(child, SIGKILL);
  waitpid(child, nullptr, 0);
  EXPECT_THAT(sidecar, HasSubstr("[0,"));
  EXPECT_FALSE(fs::exists(snapshot()));
  EXPECT_LT(go_on(), static_cast<std::int64_t>(kWeightBytes));
}

TEST_F(Pull, FailuresAreOneLine) {
  hub_.set_fault([](const SeenRequest&) {
    return Fault{.status = 404, .headers = "X-Error-Code: RepoNotFound\r\n"};
  });
  expect_refused(run_program({"pull", "org/name"}), 1, "404");
  expect_refused(run_program(Invocation{{"pull", "org/name"}, "", {"HF_HUB_OFFLINE=1"}, {}, ""}), 1,
                 "HF_HUB_OFFLINE");
  expect_refused(run_program({"pull"}), 2, "MODEL");
  expect_refused(run_program({"pull", "name"}), 2, "ORG/NAME");
  expect_refused(run_program({"pull", "org/name", "--revision", "../x"}), 2, "--revision");
  expect_refused(run_program({"pull", "org/name", "--include"}), 2, "--include");
  expect_refused(run_program({"run", "org/name", "Hi"}), 1, "saccade pull org/name");
}

TEST_F(Pull, ListsWhatThereIsToChooseFrom) {
  hub_.add("m-Q4_0.gguf", std::string(2048, 'q'), true);
  hub_.add("mmproj.gguf", std::string(1024, 'q'), true);
  const Outcome asked = run_program({"pull", "org/name"});
  EXPECT_EQ(asked.status, 1);
  EXPECT_TRUE(asked.err.starts_with("m-Q4_0.gguf  2.00 KiB\nmmproj.gguf  1.00 KiB\nsaccade: "))
      << asked.err;
  const Outcome pulled = run_program({"pull", "org/name", "--include", "m-*", "--include", "mm*"});
  EXPECT_EQ(pulled.status, 0) << pulled.err;
  EXPECT_TRUE(fs::exists(snapshot() / "mmproj.gguf"));
}

}  // namespace
}  // namespace saccade::cli
