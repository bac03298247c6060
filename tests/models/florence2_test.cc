// Florence-2: the encoder's output, tasks, what an answer shows, how long prompts and answers may
// be, and what is refused by name.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "checkpoint_copy.h"
#include "engine/prepare.h"
#include "golden_model.h"
#include "models/florence2/config.h"
#include "models/florence2/tasks.h"
#include "nn/encoder_decoder.h"
#include "saccade/engine.h"

namespace saccade {
namespace {

using testing::HasSubstr;
using testing::ThrowsMessage;

using models::CheckpointCopy;
using models::florence2::question_of;

class Florence2Golden : public GoldenModel {};

TEST_P(Florence2Golden, EncoderOutputs) {
  const nn::EncoderDecoderConfig config = models::florence2::read_config(checkpoint_).text;
  nn::WeightLoader weights(checkpoint_, device_);
  const std::string prefix = "model.language_model.";
  const nn::EncoderDecoder stacks(config, weights, prefix + "shared.weight", prefix);
  for (const auto& item : cases_.as_array()) {
    const boost::json::object& golden = item.as_object();
    SCOPED_TRACE(golden.at("name").as_string().c_str());
    const auto prepared =
        engine::prepare_prompt(*processor_, goldens::greedy_request(golden, 1), {}, nullptr);
    const models::Prompt& prompt = prepared.prompt;
    const std::int64_t rows = prompt.encoder_tokens;
    const std::span<const std::int32_t> ids(prompt.token_ids);
    const std::span<const std::int32_t> positions(prompt.positions);
    const Tensor hidden_states = stacks.embed(device_, device_.indices(ids.first(rows)));
    for (const models::MediaSpan& span : prompt.media) {
      std::vector<std::int32_t> to(span.count);
      for (std::int64_t i = 0; i < span.count; ++i) {
        to[i] = static_cast<std::int32_t>(span.begin + i);
      }
      device_.scatter(hidden_states, model_->encode(prepared.patches[span.image]), to);
    }
    stacks.encode(device_, hidden_states, device_.indices(positions.first(rows)), {{rows}});
    const std::string name = std::string(golden.at("name").as_string()) + ".encoder";
    EXPECT_LT(goldens::deviation(download(hidden_states), goldens::values(expected_.tensor(name))),
              kTolerance);
  }
}

INSTANTIATE_TEST_SUITE_P(Checkpoints, Florence2Golden,
                         testing::ValuesIn(goldens::checkpoints_of({"florence2"})),
                         [](const auto& named) { return goldens::test_name(named.param); });

TEST(Florence2, TasksBecomeQuestions) {
  EXPECT_EQ(question_of("<OD>"), "Locate the objects with category name in the image.");
  EXPECT_EQ(question_of("<OCR_WITH_REGION>"), "What is the text in the image, with regions?");
  EXPECT_EQ(question_of("<REFERRING_EXPRESSION_SEGMENTATION>  a red\xe2\x80\x83 car\xe2\x80\x83\n"),
            "Locate a red\xe2\x80\x83 car in the image with mask");
  EXPECT_EQ(question_of("<REGION_TO_OCR><loc_1><loc_2><loc_3><loc_4>"),
            "What text is in the region <loc_1><loc_2><loc_3><loc_4>?");
  EXPECT_EQ(question_of("Who <is> this?"), "Who <is> this?");
  EXPECT_EQ(question_of(""), "");
  EXPECT_THAT([] { question_of("<OD> cars"); },
              ThrowsMessage<Error>(HasSubstr("the task <OD> takes nothing")));
}

TEST(Florence2, AnswersShowPlacesAndHideBordersOfTexts) {
  CheckpointCopy copy("florence2/saved_f32");
  copy.load();
  const text::Tokenizer& tokenizer = copy.processor->tokenizer();
  const std::vector<std::int32_t> ids = tokenizer.encode("</s><s>car<loc_0><loc_999></s><pad>");
  EXPECT_EQ(tokenizer.decode(ids, true), "car<loc_0><loc_999>");
  EXPECT_EQ(tokenizer.decode(ids, false), "</s><s>car<loc_0><loc_999></s><pad>");
  EXPECT_EQ(tokenizer.encode("<loc_500>").size(), 1U);
}

TEST(Florence2, AForcedFirstTokenIsPartOfThePrompt) {
  CheckpointCopy copy("florence2/saved_f32");
  boost::json::object generation = copy.json("generation_config.json");
  generation["forced_bos_token_id"] = 296;
  copy.write("generation_config.json", generation);
  copy.load();
  const models::Prompt prompt = copy.processor->tokenize("a", {}, {});
  EXPECT_EQ(prompt.token_ids, (std::vector<std::int32_t>{64, 298, 296}));
  EXPECT_EQ(prompt.encoder_tokens, 1);
  EXPECT_EQ(prompt.positions, (std::vector<std::int32_t>{2, 2, 3}));
  EXPECT_EQ(prompt.next_position, 4);
}

TEST(Florence2, BeamSearchThatIsAskedForIsNotLeftUnsaid) {
  CheckpointCopy copy("florence2/saved_f32");
  EXPECT_TRUE(inspect_model(copy.path().string(), {.device = "cpu"}).notes.empty());
  boost::json::object generation = copy.json("generation_config.json");
  generation["num_beams"] = 3;
  generation["no_repeat_ngram_size"] = 3;
  copy.write("generation_config.json", generation);
  const ModelInfo info = inspect_model(copy.path().string(), {.device = "cpu"});
  ASSERT_EQ(info.notes.size(), 2U);
  EXPECT_THAT(info.notes[0], testing::HasSubstr("num_beams 3"));
  EXPECT_THAT(info.notes[1], testing::HasSubstr("no_repeat_ngram_size"));
}

Request asking(const std::string& text, std::int64_t max_tokens) {
  Request request;
  request.max_tokens = max_tokens;
  request.ignore_end = true;
  request.sampling.temperature = 0.0;
  request.messages = {{"user", {text}}};
  return request;
}

TEST(Florence2, PromptAndAnswerEachHaveTheWholeContext) {
  Engine engine = Engine::load((goldens::root() / "florence2/saved_f32").string());
  const std::string text(160, '7');  // digits are tokens by themselves
  EXPECT_EQ(engine.generate(asking(text, 1000)).token_ids.size(), 159U);
  EXPECT_THAT(
      [&] { engine.generate(asking(text + "7", 1)); },
      ThrowsMessage<Error>(HasSubstr("the prompt has 161 tokens, the model's context 160")));
  EXPECT_THAT([&] { engine.generate(asking("", 1)); },
              ThrowsMessage<Error>(HasSubstr("the prompt is empty")));
}

TEST(Florence2, ConversationsAndSeveralPicturesAreRefused) {
  CheckpointCopy copy("florence2/saved_f32");
  copy.load();
  const auto render = [&](const std::vector<models::ChatMessage>& messages) {
    return [&, messages] { copy.processor->render(messages, true); };
  };
  EXPECT_THAT(render({{"user", {{"", 0}, {"", 1}, {"Which?", -1}}}}),
              ThrowsMessage<Error>(HasSubstr("one picture at a time; found 2")));
  EXPECT_THAT(render({{"system", {{"Be brief.", -1}}}, {"user", {{"Why?", -1}}}}),
              ThrowsMessage<Error>(HasSubstr("leave out system messages")));
}

TEST(Florence2, ConfigurationsAreRefusedByName) {
  using boost::json::array;
  const std::tuple<const char*, const char*, boost::json::value, const char*> changes[] = {
      {"", "tie_word_embeddings", false, "tie_word_embeddings false"},
      {"", "is_encoder_decoder", false, "is_encoder_decoder false"},
      {"", "image_token_id", 304, "image_token_id"},
      {"text_config", "model_type", "t5", "model_type \"t5\""},
      {"text_config", "encoder_attention_heads", 5, "24 does not divide among 5 encoder heads"},
      {"text_config", "decoder_layers", std::int64_t{1} << 40, "decoder_layers"},
      {"text_config", "d_model", 0, "d_model"},
      {"text_config", "activation_function", "mish", "activation_function \"mish\""},
      {"vision_config", "model_type", "davit", "model_type \"davit\""},
      {"vision_config", "depths", array({1, 2, 1}), "must name the same 1 to 16 stages"},
      {"vision_config", "embed_dim", array({8, 12, 16, -1}), "embed_dim must hold numbers"},
      {"vision_config", "embed_dim", array({8, 12, 16, 27}), "27 of the last stage is odd"},
      {"vision_config", "num_heads", array({3, 2, 2, 3}), "8 does not divide among 3 heads"},
      {"vision_config", "patch_prenorm", array({1, 0, 0, 0}), "patch_prenorm must be a list"},
      {"vision_config", "patch_padding", array({7, 1, 1, 1}), "patch_padding 7 is not less"},
      {"vision_config", "window_size", std::int64_t{1} << 40, "window_size"},
      {"vision_config", "mlp_ratio", 1e300, "mlp_ratio"},
      {"vision_config", "in_channels", 4, "in_channels"},
      {"vision_config", "projection_dim", 25, "projection_dim differs from d_model, 24"}};
  for (const auto& [part, key, value, message] : changes) {
    CheckpointCopy copy("florence2/saved_f32");
    boost::json::object& object = *part ? copy.config.at(part).as_object() : copy.config;
    object[key] = value;
    copy.expect_refusal(message);
  }
}

TEST(Florence2, ProcessorsAreRefusedByName) {
  const std::tuple<const char*, boost::json::value, const char*> changes[] = {
      {"size", boost::json::object({{"shortest_edge", 96}}), "must have height and width"},
      {"size", boost::json::object({{"height", 192}, {"width", 192}}), "positions for 5"},
      {"size", boost::json::object({{"height", 96}, {"width", 64}}), "image_seq_length 10"},
      {"do_center_crop", true, "\"do_center_crop\" must be false"},
      {"do_resize", false, "\"do_resize\" must be true"},
      {"do_flip", true, "\"do_flip\" is not supported"}};
  for (const auto& [key, value, message] : changes) {
    CheckpointCopy copy("florence2/published_bf16");
    boost::json::object settings = copy.json("preprocessor_config.json");
    settings[key] = value;
    copy.write("preprocessor_config.json", settings);
    copy.expect_refusal(message);
  }
}

}  // namespace
}  // namespace saccade
