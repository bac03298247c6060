// Models in this process, with the built-in one.
#include "photos/vlm/local_vlm.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <boost/json.hpp>
#include <cmath>
#include <numeric>
#include <thread>

#include "photos/vlm/local_models.h"
#include "photos/vlm/sequence_memory.h"

namespace saccade::photos {
namespace {

constexpr const char* kModel = SACCADE_SOURCE_DIR "/assets/glance";
constexpr const char* kSchema =
    R"({"type": "object", "properties": {"entities": {"type": "array", "maxItems": 4, "items":
        {"type": "object", "properties": {"name": {"type": "string", "maxLength": 20},
         "count": {"type": "integer", "minimum": 1, "maximum": 9}}, "required": ["name", "count"],
         "additionalProperties": false}}}, "required": ["entities"],
        "additionalProperties": false})";

EngineOptions small() {
  EngineOptions options;
  options.device = "cpu";
  options.threads = 1;
  return options;
}

VlmQuestion question() {
  return {.prompt = "Extract the photo as JSON.",
          .schema = kSchema,
          .picture = read_image(SACCADE_SOURCE_DIR "/assets/pictures/breakfast.jpg"),
          .max_pixels = 100'000,
          .max_tokens = 200,
          .priority = 0};
}

/// Two photos of one tier and one of another, of a model whose context has 4096 tokens.
constexpr const char* kTiers = R"toml(
[[tier]]
name = "import"
kind = "import"

[[tier]]
name = "small"
kind = "vlm"
model = "{0}"
max_pixels = 100000
max_tokens = 200
concurrency = 2
prompt = "What is this?"
schema = '{{"type": "object"}}'

[[tier]]
name = "large"
kind = "vlm"
model = "{0}"
{1}
prompt = "What is this?"
schema = '{{"type": "object"}}'
)toml";

TEST(SequenceMemory, HasRoomForThosePhotosThatAreAskedAboutAtATime) {
  const auto settings = [](const char* budget) {
    return parse_settings(fmt::format(fmt::runtime(kTiers), kModel, budget), "photos.toml");
  };
  const ModelInfo info = inspect_model(kModel, small());
  const Settings bounded = settings("max_pixels = 100000");
  const auto bytes = sequence_memory(bounded, *bounded.find("small"));
  EXPECT_EQ(bytes, 3 * info.context_length * info.kv_bytes_per_token);
  EXPECT_EQ(sequence_memory(bounded, *bounded.find("large")), bytes) << "one model for both";
  const Settings native = settings("");
  EXPECT_FALSE(sequence_memory(native, *native.find("small"))) << "nobody knows how long";
}

class LocalVlmTest : public testing::Test {
 protected:
  LocalModels models_;
  const std::shared_ptr<Service> service_ = models_.get(kModel, small());
  LocalVlm vlm_{kModel, service_};
  const std::atomic<bool> never_ = false;
};

TEST_F(LocalVlmTest, AnswersAsTheSchemaWants) {
  const VlmAnswer answer = vlm_.ask(question(), never_);
  EXPECT_TRUE(answer.complete);
  EXPECT_FALSE(boost::json::parse(answer.text).at("entities").as_array().empty()) << answer.text;
  EXPECT_GT(answer.usage.image_tokens, 0);
  EXPECT_GT(answer.total_ms, 0.0);
  EXPECT_EQ(vlm_.ask(question(), never_).text, answer.text);
}

TEST_F(LocalVlmTest, SharesThePromptAndThePictureThatWasEmbedded) {
  const auto embedding = vlm_.embed(question().picture, question().max_pixels);
  ASSERT_TRUE(embedding.has_value());
  EXPECT_NEAR(std::inner_product(embedding->begin(), embedding->end(), embedding->begin(), 0.0),
              1.0, 1e-4);
  EXPECT_EQ(vlm_.ask(question(), never_).usage.cached_images, 1);
  // Another budget is another picture to the tower.
  VlmQuestion smaller = question();
  smaller.max_pixels = 40'000;
  EXPECT_EQ(vlm_.ask(smaller, never_).usage.cached_images, 0);

  VlmQuestion other = question();
  other.picture = read_image(SACCADE_SOURCE_DIR "/assets/pictures/beach.jpg");
  other.prompt = question().prompt;
  EXPECT_GT(vlm_.ask(other, never_).usage.cached_tokens, 0);
}

TEST_F(LocalVlmTest, TellsThatAnAnswerWasCutOff) {
  VlmQuestion brief = question();
  brief.max_tokens = 3;
  EXPECT_FALSE(vlm_.ask(brief, never_).complete);
}

TEST_F(LocalVlmTest, EndsWhenNobodyWantsTheAnswer) {
  std::atomic<bool> cancelled = false;
  VlmQuestion endless = question();
  endless.schema = R"({"type": "string", "minLength": 3000})";
  endless.max_tokens = 3500;
  std::jthread canceller([&](const std::stop_token& stop) {
    while (service_->status().running == 0 && !stop.stop_requested()) std::this_thread::yield();
    cancelled = true;
  });
  EXPECT_THROW(vlm_.ask(endless, cancelled), VlmUnavailable);
  EXPECT_EQ(service_->status().cancelled, 1);
  EXPECT_THROW(vlm_.ask(question(), cancelled), VlmUnavailable);
}

TEST_F(LocalVlmTest, RefusesWhatIsNoPicture) {
  VlmQuestion broken = question();
  broken.picture.bytes.resize(100);
  try {
    vlm_.ask(broken, never_);
    FAIL();
  } catch (const VlmUnavailable& error) {
    FAIL() << "would be asked again: " << error.what();
  } catch (const Error& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("breakfast.jpg"));
  }
}

TEST_F(LocalVlmTest, IsCalledByItsNameAlone) {
  EXPECT_EQ(vlm_.name(), "glance");
  EXPECT_EQ(LocalVlm(std::string(kModel) + "/", service_).name(), "glance");
  EXPECT_EQ(LocalVlm("Qwen/Qwen2.5-VL-3B", service_).name(), "Qwen/Qwen2.5-VL-3B");
  EXPECT_GT(vlm_.memory_bytes().value(), 20'000'000);
}

TEST(LocalModels, LoadsEachModelOnce) {
  LocalModels models;
  auto first = models.get(kModel, small());
  EXPECT_EQ(models.get(kModel, small()), first);
  EngineOptions warned = small();
  warned.on_warning = [](const std::string&) {};
  EXPECT_EQ(models.get(kModel, warned), first);
  EngineOptions other = small();
  other.vision_cache_bytes = 0;
  EXPECT_NE(models.get(kModel, other), first);
  const std::weak_ptr<Service> gone = first;
  first.reset();
  EXPECT_TRUE(gone.expired());
}

TEST(LocalModels, SaysWhatCannotBeLoaded) {
  LocalModels models;
  EXPECT_THROW(
      make_vlm({.model = "/nowhere", .url = "", .key_variable = "", .engine = small()}, models),
      Error);
}

}  // namespace
}  // namespace saccade::photos
