#include "cli/chat_line.h"

#include <gtest/gtest.h>

#include <cstdlib>

#include "saccade/error.h"

namespace saccade::cli {
namespace {

using Kind = ChatLine::Kind;

void expect_line(std::string_view line, Kind kind, const std::string& text) {
  const ChatLine parsed = parse_chat_line(line);
  EXPECT_EQ(parsed.kind, kind) << line;
  EXPECT_EQ(parsed.text, text) << line;
}

TEST(ChatLine, Words) {
  expect_line("What is this?", Kind::kSay, "What is this?");
  expect_line("  spaced \r", Kind::kSay, "spaced");
  expect_line(" /etc/hosts is a file", Kind::kSay, "/etc/hosts is a file");
  expect_line("", Kind::kNothing, "");
  expect_line(" \t ", Kind::kNothing, "");
}

TEST(ChatLine, Commands) {
  expect_line("/system Be brief. ", Kind::kSystem, "Be brief.");
  expect_line("/system", Kind::kSystem, "");
  expect_line("/reset", Kind::kReset, "");
  expect_line("/clear ", Kind::kReset, "");
  expect_line("/help", Kind::kHelp, "");
  expect_line("/quit", Kind::kQuit, "");
  expect_line("/exit", Kind::kQuit, "");
}

TEST(ChatLine, PicturesAsPeopleTypeThem) {
  setenv("HOME", "/home/me", 1);
  expect_line("/image cat.jpg", Kind::kImage, "cat.jpg");
  expect_line("/image  my cat.jpg ", Kind::kImage, "my cat.jpg");
  expect_line("/image 'my cat.jpg'", Kind::kImage, "my cat.jpg");
  expect_line("/image \"~/cat.jpg\"", Kind::kImage, "~/cat.jpg");
  expect_line("/image ~/cat.jpg", Kind::kImage, "/home/me/cat.jpg");
}

TEST(ChatLine, MistakesAreErrors) {
  EXPECT_THROW(parse_chat_line("/image"), Error);
  EXPECT_THROW(parse_chat_line("/image  "), Error);
  EXPECT_THROW(parse_chat_line("/imagecat.jpg"), Error);
  EXPECT_THROW(parse_chat_line("/"), Error);
}

}  // namespace
}  // namespace saccade::cli
