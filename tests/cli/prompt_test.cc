#include "cli/prompt.h"

#include <gtest/gtest.h>

#include "saccade/error.h"

namespace saccade::cli {
namespace {

PromptOptions with(std::optional<std::string> prompt, std::vector<std::string> images) {
  PromptOptions options;
  options.prompt = std::move(prompt);
  options.images = std::move(images);
  return options;
}

TEST(PromptSource, FollowsWhatIsGiven) {
  EXPECT_EQ(prompt_source(with("Hi", {}), true), PromptSource::kArgument);
  EXPECT_EQ(prompt_source(with("Hi", {"-"}), false), PromptSource::kArgument);
  EXPECT_EQ(prompt_source(with("-", {"a.png"}), true), PromptSource::kStandardInput);
  EXPECT_EQ(prompt_source(with(std::nullopt, {}), false), PromptSource::kStandardInput);
  EXPECT_EQ(prompt_source(with(std::nullopt, {"a.png"}), true), PromptSource::kNobody);
}

TEST(PromptSource, StandardInputCanBeReadOnce) {
  const auto refuse = [](const PromptOptions& options) {
    try {
      prompt_source(options, false);
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.kind(), ErrorKind::kUsage);
    }
  };
  refuse(with("Hi", {"-", "-"}));
  refuse(with("-", {"-"}));
  refuse(with(std::nullopt, {"-"}));
}

TEST(Messages, PicturesComeBeforeTheText) {
  std::vector<ImageBytes> images = {{{}, "a"}, {{}, "b"}};
  const Message message = user_message(std::move(images), "What?");
  ASSERT_EQ(message.content.size(), 3U);
  EXPECT_EQ(message.role, "user");
  EXPECT_EQ(std::get<ImageBytes>(message.content[0]).name, "a");
  EXPECT_EQ(std::get<ImageBytes>(message.content[1]).name, "b");
  EXPECT_EQ(std::get<std::string>(message.content[2]), "What?");
}

TEST(Messages, APictureNeedsNoText) {
  EXPECT_EQ(user_message({{{}, "a"}}, "").content.size(), 1U);
  EXPECT_EQ(user_message({}, "").content.size(), 1U) << "but a turn is never empty";
}

TEST(Messages, SystemComesFirst) {
  PromptOptions options;
  options.system = "Be brief.";
  const std::vector<Message> messages = first_messages(options, "Hi");
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].role, "system");
  EXPECT_EQ(std::get<std::string>(messages[0].content[0]), "Be brief.");
  EXPECT_EQ(messages[1].role, "user");
}

TEST(Messages, AMissingPictureIsAnError) {
  PromptOptions options;
  options.images = {"no/such/picture.png"};
  EXPECT_THROW(first_messages(options, "Hi"), Error);
}

}  // namespace
}  // namespace saccade::cli
