// The chat, on a pseudo terminal.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "model_copy.h"
#include "process.h"
#include "terminal.h"

namespace saccade::cli {
namespace {

using testing::HasSubstr;

const std::string kInterruptKey = "\x03";
const std::string kEndKey = "\x04";

std::vector<std::string> chat_with(const std::string& model, const std::string& max_tokens = "6") {
  return {"run", model, "--temperature", "0", "--max-tokens", max_tokens};
}

/// Types a line and returns what the program shows until it asks for the next.
std::string say(Terminal& terminal, const std::string& line) {
  terminal.type(line + "\n");
  terminal.wait_for("\r\n");  // the terminal's echo
  return terminal.wait_for("> ");
}

TEST(Chat, TalksUntilTheInputEnds) {
  Terminal terminal(chat_with(golden_model()));
  const std::string greeting = terminal.wait_for("> ");
  EXPECT_THAT(greeting, HasSubstr("thread")) << "the start line";
  EXPECT_THAT(greeting, HasSubstr("/help"));
  EXPECT_THAT(say(terminal, "Hello"), HasSubstr("\r\n"));
  EXPECT_THAT(say(terminal, "/help"), HasSubstr("/image FILE"));
  terminal.type(kEndKey);
  EXPECT_EQ(terminal.wait_for_end(), 0);
}

TEST(Chat, QuitEndsIt) {
  Terminal terminal(chat_with(golden_model()));
  terminal.wait_for("> ");
  terminal.type("/quit\n");
  EXPECT_EQ(terminal.wait_for_end(), 0);
}

TEST(Chat, RemembersItsPicturesAndAnswers) {
  Terminal terminal(chat_with(golden_model()));
  terminal.wait_for("> ");
  say(terminal, "/image " + golden_image());
  EXPECT_THAT(say(terminal, "What is it?"), HasSubstr("encoding image 1 of 1"));
  // The picture is part of every prompt that follows, and no longer after a reset.
  EXPECT_THAT(say(terminal, "And now?"), HasSubstr("image 1 of 1"));
  say(terminal, "/reset");
  EXPECT_THAT(say(terminal, "Hello"), testing::Not(HasSubstr("image 1 of 1")));
  terminal.type(kEndKey);
  EXPECT_EQ(terminal.wait_for_end(), 0);
}

TEST(Chat, BeginsWithThePicturesOfTheCommandLine) {
  std::vector<std::string> arguments = chat_with(golden_model());
  arguments.insert(arguments.end(), {"--image", golden_image(), "--image", golden_image()});
  Terminal terminal(arguments);
  terminal.wait_for("> ");
  EXPECT_THAT(say(terminal, "What are they?"), HasSubstr("image 1 of 2"));
}

TEST(Chat, GoesOnAfterAnError) {
  const TemporaryDirectory folder;
  const std::string broken = folder.write("broken.png", "not a picture");
  Terminal terminal(chat_with(golden_model()));
  terminal.wait_for("> ");
  EXPECT_THAT(say(terminal, "/image no-such-file.png"), HasSubstr("saccade: no-such-file.png"));
  EXPECT_THAT(say(terminal, "/dance"), HasSubstr("saccade: /dance"));
  say(terminal, "/image " + broken);
  EXPECT_THAT(say(terminal, "What is it?"), HasSubstr("saccade: " + broken));
  EXPECT_THAT(say(terminal, "Hello"), testing::Not(HasSubstr("saccade:")));
  terminal.type(kEndKey);
  EXPECT_EQ(terminal.wait_for_end(), 0);
}

TEST(Chat, CtrlCStopsTheAnswerAndKeepsTheChat) {
  const ModelCopy model;
  model.replace("config.json", "\"max_position_embeddings\": 2048",
                "\"max_position_embeddings\": 1000000");
  model.replace("generation_config.json", "306,\n    304", "999,\n    999");
  Terminal terminal({"run", model.path(), "--temperature", "100", "--top-k", "0", "--top-p", "1",
                     "--max-tokens", "900000"});
  terminal.wait_for("> ");
  terminal.type("Hello\n");
  terminal.wait_for_bytes(300);
  terminal.type(kInterruptKey);
  terminal.wait_for("\r\n> ");
  EXPECT_THAT(say(terminal, "/help"), HasSubstr("/image FILE"));
  terminal.type(kEndKey);
  EXPECT_EQ(terminal.wait_for_end(), 0);
}

TEST(Chat, CtrlCAtThePromptOnlyDropsTheLine) {
  Terminal terminal(chat_with(golden_model()));
  terminal.wait_for("> ");
  terminal.type("half a li");
  terminal.wait_for("half a li");
  terminal.type(kInterruptKey);
  terminal.wait_for("\r\n> ");
  EXPECT_THAT(say(terminal, "/help"), HasSubstr("/image FILE"));
  terminal.type(kEndKey);
  EXPECT_EQ(terminal.wait_for_end(), 0);
}

TEST(Chat, NeedsATerminalForTheAnswers) {
  std::vector<std::string> arguments = chat_with(golden_model());
  arguments.emplace_back("--json");
  Terminal terminal(arguments);
  EXPECT_EQ(terminal.wait_for_end(), 2);
  EXPECT_THAT(terminal.screen(), HasSubstr("saccade: PROMPT is missing"));
  expect_refused(run_program({"chat", golden_model()}), 2, "a chat needs a terminal");
  expect_refused(run_program({"chat", golden_model(), "--image", "-"}), 2,
                 "standard input is the chat");
}

TEST(Chat, IsACommandOfItsOwn) {
  Terminal terminal({"chat", golden_model(), "--temperature", "0", "--max-tokens", "6"});
  EXPECT_THAT(terminal.wait_for("> "), HasSubstr("/help"));
  EXPECT_THAT(say(terminal, "Hello"), HasSubstr("\r\n"));
  terminal.type(kEndKey);
  EXPECT_EQ(terminal.wait_for_end(), 0);
}

TEST(Progress, IsShownAndErased) {
  Terminal terminal({"run", golden_model(), "What?", "--image", golden_image(), "--max-tokens", "4",
                     "--temperature", "0"});
  EXPECT_EQ(terminal.wait_for_end(), 0);
  const std::string& screen = terminal.screen();
  EXPECT_THAT(screen, HasSubstr("loading the model"));
  EXPECT_THAT(screen, HasSubstr("encoding image 1 of 1"));
  EXPECT_THAT(screen, HasSubstr("reading the prompt"));
  const std::size_t erased = screen.rfind("\r\x1b[K");
  ASSERT_NE(erased, std::string::npos);
  EXPECT_GT(erased, screen.rfind("tokens")) << "the last progress line is gone";
  EXPECT_EQ(screen.find('\x1b', erased + 4), std::string::npos);
}

}  // namespace
}  // namespace saccade::cli
