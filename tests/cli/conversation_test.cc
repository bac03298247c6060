#include "cli/conversation.h"

#include <gtest/gtest.h>

namespace saccade::cli {
namespace {

ImageBytes picture(const std::string& name) {
  return {{std::byte{1}}, name};
}

/// "user: [cat.png] Hello", with each picture's name in brackets.
std::string text_of(const Message& message) {
  std::string text = message.role + ":";
  for (const auto& part : message.content) {
    const auto* image = std::get_if<ImageBytes>(&part);
    text += image ? " [" + image->name + "]" : " " + std::get<std::string>(part);
  }
  return text;
}

std::vector<std::string> texts_of(const Conversation& conversation) {
  std::vector<std::string> texts;
  for (const Message& message : conversation.messages()) texts.push_back(text_of(message));
  return texts;
}

using Texts = std::vector<std::string>;

TEST(Conversation, KeepsPicturesInTheTurnTheyCameIn) {
  Conversation conversation("Be brief.");
  conversation.add_image(picture("a.png"));
  conversation.add_image(picture("b.png"));
  conversation.ask("What are these?");
  conversation.answer("Cats.");
  conversation.ask("How many?");
  EXPECT_EQ(texts_of(conversation),
            (Texts{"system: Be brief.", "user: [a.png] [b.png] What are these?", "assistant: Cats.",
                   "user: How many?"}));
}

TEST(Conversation, TakesBackAFailedTurnWithItsPictures) {
  Conversation conversation(std::nullopt);
  conversation.ask("Hello");
  conversation.answer("Hi");
  conversation.add_image(picture("broken.png"));
  conversation.ask("What is this?");
  conversation.take_back();
  conversation.ask("Never mind");
  EXPECT_EQ(texts_of(conversation), (Texts{"user: Hello", "assistant: Hi", "user: Never mind"}));
}

TEST(Conversation, ResetKeepsTheInstructions) {
  Conversation conversation(std::nullopt);
  conversation.set_system("Rhyme.");
  conversation.ask("Hello");
  conversation.add_image(picture("a.png"));
  conversation.reset();
  conversation.ask("Again");
  EXPECT_EQ(texts_of(conversation), (Texts{"system: Rhyme.", "user: Again"}));
  conversation.set_system("");
  EXPECT_EQ(texts_of(conversation), (Texts{"user: Again"}));
}

}  // namespace
}  // namespace saccade::cli
