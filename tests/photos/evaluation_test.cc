// Whole evaluations: models that a server plays are asked, scored and compared.
#include "photos/eval/evaluation.h"

#include <fmt/format.h>
#include <gmock/gmock.h>

#include <boost/json.hpp>

#include "photos/fault_server.h"
#include "photos/vlm/local_models.h"

namespace saccade::photos::eval {
namespace {

namespace json = boost::json;
using server::HttpResponse;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

constexpr const char* kSchema =
    R"({"type": "object", "properties": {"entities": {"type": "array", "items": {"type": "string"}}},
        "required": ["entities"], "additionalProperties": false})";
constexpr int kPhotos = 12;

std::string entities(std::string_view name) {
  return fmt::format(R"({{"entities": ["{}"]}})", name);
}

/// Points of the first and of the second answer, all parts alike.
std::string judgement(int first, int second) {
  const auto points = [](int each) {
    return json::object{{"correctness", each},
                        {"completeness", each},
                        {"no_invention", each},
                        {"specificity", each},
                        {"format", each}};
  };
  return json::serialize(json::object{{"first", points(first)}, {"second", points(second)}});
}

class EvaluationTest : public testing::Test {
 protected:
  EvaluationTest() {
    const ImageBytes picture = read_image(SACCADE_SOURCE_DIR "/assets/pictures/shapes.jpg");
    for (int i = 0; i < kPhotos; ++i) {
      input_.photos.push_back({i, fmt::format("photo{}.jpg", i), fmt::format("digest{}", i),
                               [picture] { return picture; }});
    }
    input_.prompts = {{"short", "What is there?", kSchema, 4000, 64}};
    input_.models = {model("good"), model("bad")};
    input_.asking.retry_pause = std::chrono::milliseconds(1);
    answer_as({{"good", entities("dog")}, {"bad", entities("cat")}});
  }

  EvaluatedModel model(const std::string& name) {
    return {name, [this, name] {
              return make_vlm(
                  {.model = name, .url = server_.url(), .key_variable = "", .engine = {}}, models_);
            }};
  }
  /// What each model always answers.
  void answer_as(std::map<std::string, std::string> answers) {
    server_.otherwise([answers](const json::value& body) {
      const auto found = answers.find(std::string(body.at("model").as_string()));
      return found == answers.end() ? HttpResponse{500, "down"} : completion(found->second);
    });
  }
  void label_all(const std::string& fields) {
    Labels labels;
    for (int i = 0; i < kPhotos; ++i) {
      labels.photos.push_back(i);
      labels.fields.push_back(json::parse(fields).as_object());
    }
    input_.labels = labels;
  }
  Evaluation run() { return evaluate(input_, never_); }
  std::string error() {
    try {
      run();
      return "no error";
    } catch (const Error& error) {
      return error.what();
    }
  }

  FaultServer server_;
  LocalModels models_;
  EvaluationInput input_;
  const std::atomic<bool> never_ = false;
};

TEST_F(EvaluationTest, KeepsTheModelThatAgreesWithTheLabels) {
  label_all(entities("dog"));
  const Evaluation evaluation = run();
  EXPECT_EQ(evaluation.score_name, "F1");
  EXPECT_THAT(evaluation.photos, testing::SizeIs(kPhotos));
  ASSERT_EQ(evaluation.variants.size(), 2u);
  const VariantResult& good = evaluation.variants[0];
  const VariantResult& bad = evaluation.variants[1];
  EXPECT_EQ(good.name, "good");
  EXPECT_EQ(good.score.estimate, 100.0);
  EXPECT_EQ(bad.score.estimate, 0.0);
  EXPECT_EQ(good.counts, (Counts{kPhotos, 0, 0}));
  EXPECT_EQ(bad.counts, (Counts{0, kPhotos, kPhotos}));
  ASSERT_EQ(good.fields.size(), 1u);
  EXPECT_EQ(good.fields[0].path, "entities");
  EXPECT_EQ(good.fields[0].f1.estimate, 100.0);
  EXPECT_EQ(good.latencies_ms.size(), kPhotos - 1u) << "the first one warms the model";
  EXPECT_GT(good.p50_ms, 0.0);
  EXPECT_GE(good.p95_ms, good.p50_ms);
  EXPECT_FALSE(good.memory_bytes.has_value());
  ASSERT_EQ(evaluation.duels.size(), 1u);
  EXPECT_EQ(evaluation.duels[0].duel.losses, kPhotos);
  EXPECT_THAT(evaluation.decision, StartsWith("Keep good: the F1 of bad is 100.0 points lower"));

  std::swap(input_.models[0], input_.models[1]);
  EXPECT_THAT(run().decision, StartsWith("Replace bad by good"));
}

TEST_F(EvaluationTest, AsksEveryModelWithEveryPrompt) {
  label_all(entities("dog"));
  input_.prompts.push_back({"long", "Describe all there is.", kSchema, 4000, 64});
  std::vector<std::string> told;
  input_.asking.on_progress = [&](const std::string& what, std::size_t done, std::size_t total) {
    if (done == 0) told.push_back(fmt::format("{} {}", what.substr(0, what.find(' ')), total));
  };
  const Evaluation evaluation = run();
  std::vector<std::string> names;
  for (const VariantResult& variant : evaluation.variants) names.push_back(variant.name);
  EXPECT_THAT(names,
              ElementsAre("good with short", "good with long", "bad with short", "bad with long"));
  EXPECT_THAT(told, ElementsAre("good 12", "good 12", "bad 12", "bad 12"));
  EXPECT_EQ(server_.asked().size(), 4u * kPhotos);
  EXPECT_EQ(evaluation.duels.size(), 3u);
  EXPECT_EQ(evaluation.duels[0].duel.ties, kPhotos);
}

TEST_F(EvaluationTest, AsksOnlyAboutPhotosWithLabels) {
  input_.labels = Labels{{3}, {json::parse(entities("dog")).as_object()}, {"gone.jpg"}};
  const Evaluation evaluation = run();
  EXPECT_THAT(evaluation.photos, ElementsAre("photo3.jpg"));
  EXPECT_THAT(evaluation.decision, HasSubstr("1 photo cannot decide"));
  EXPECT_THAT(evaluation.notes, testing::Contains(HasSubstr("gone.jpg")));
}

TEST_F(EvaluationTest, CountsNonsenseAsAnAnswerWithNothing) {
  label_all(entities("dog"));
  answer_as({{"good", entities("dog")}, {"bad", "I cannot see it."}});
  const Evaluation evaluation = run();
  EXPECT_EQ(evaluation.variants[1].failures, kPhotos);
  EXPECT_EQ(evaluation.variants[1].counts, (Counts{0, 0, kPhotos}));
  EXPECT_THAT(evaluation.variants[1].answers[0].error, HasSubstr("wanted an answer in JSON"));
}

TEST_F(EvaluationTest, AsksAgainWhatWasUnavailable) {
  label_all(entities("dog"));
  server_.then_send(503, "busy");
  server_.then_send(503, "busy");
  EXPECT_EQ(run().variants[0].unavailable, 0);
  EXPECT_EQ(server_.asked().size(), 2u * kPhotos + 2);

  for (int i = 0; i < 3; ++i) server_.then_send(503, "busy");
  const Evaluation evaluation = run();
  EXPECT_EQ(evaluation.variants[0].unavailable, 1);
  EXPECT_EQ(evaluation.duels[0].duel.photos, kPhotos - 1);
  EXPECT_THAT(evaluation.notes, testing::Contains(HasSubstr("could not be asked about 1")));
}

TEST_F(EvaluationTest, EndsWhenAModelIsDown) {
  label_all(entities("dog"));
  answer_as({{"good", entities("dog")}});
  EXPECT_THROW(run(), VlmUnavailable);
  EXPECT_EQ(server_.asked().size(), kPhotos + 9u);
}

TEST_F(EvaluationTest, EndsWhenItIsCancelled) {
  label_all(entities("dog"));
  const std::atomic<bool> cancelled = true;
  EXPECT_THROW(evaluate(input_, cancelled), VlmUnavailable);
  EXPECT_TRUE(server_.asked().empty());
}

TEST_F(EvaluationTest, LeavesOutPhotosWithoutAPicture) {
  label_all(entities("dog"));
  for (int i = 0; i < 5; ++i) {
    input_.photos[i].picture = []() -> ImageBytes { throw Error("gone.jpg: is not there"); };
  }
  const Evaluation evaluation = run();
  EXPECT_EQ(evaluation.variants[0].unavailable, 5);
  EXPECT_EQ(evaluation.variants[0].answers[0].error, "gone.jpg: is not there");
  EXPECT_EQ(evaluation.duels[0].duel.photos, kPhotos - 5);
}

class JudgedTest : public EvaluationTest {
 protected:
  JudgedTest() {
    input_.judge = [this] { return model("judge").open(); };
  }
  /// Judges by a prompt of the judge.
  void judge_by(std::function<std::string(const std::string& prompt)> verdict) {
    server_.otherwise([verdict](const json::value& body) {
      const std::string name(body.at("model").as_string());
      if (name == "judge") return completion(verdict(prompt_of(body)));
      return completion(entities(name == "good" ? "dog" : "cat"));
    });
  }
};

TEST_F(JudgedTest, ALikingForTheFirstPlaceIsATie) {
  judge_by([](const std::string&) { return judgement(5, 1); });
  const Evaluation evaluation = run();
  EXPECT_EQ(evaluation.judge, "judge at " + server_.url());
  const DuelResult& result = evaluation.duels.at(0);
  EXPECT_EQ(result.duel.ties, kPhotos);
  EXPECT_EQ(result.duel.difference.estimate, 0.0);
  EXPECT_EQ(result.duel.difference.low, 0.0);
  EXPECT_EQ(result.duel.difference.high, 0.0);
  EXPECT_EQ(result.consistency, 0.0);
  EXPECT_EQ(evaluation.variants[0].score.estimate, 50.0);
  EXPECT_THAT(evaluation.decision, StartsWith("Keep good"));
}

TEST_F(JudgedTest, SeesTheAnswersBlindAndInBothOrders) {
  judge_by([](const std::string& prompt) {
    return prompt.find("cat") < prompt.find("dog") ? judgement(4, 2) : judgement(2, 4);
  });
  const Evaluation evaluation = run();
  EXPECT_EQ(evaluation.duels.at(0).duel.wins, kPhotos) << "it likes cats";
  EXPECT_EQ(evaluation.duels.at(0).consistency, 1.0);
  EXPECT_EQ(evaluation.variants[0].score.estimate, 25.0);
  EXPECT_EQ(evaluation.variants[1].score.estimate, 75.0);
  EXPECT_EQ(evaluation.variants[1].rubric.mean(), 4.0);
  EXPECT_THAT(evaluation.decision,
              StartsWith("Replace good by bad: the rubric score of bad is 50.0"));
  int cat_first = 0;
  int judged = 0;
  for (const json::value& body : server_.asked()) {
    if (body.at("model").as_string() != "judge") continue;
    const std::string prompt = prompt_of(body);
    EXPECT_EQ(prompt.find("good"), std::string::npos);
    EXPECT_EQ(prompt.find("bad"), std::string::npos);
    ++judged;
    cat_first += prompt.find("cat") < prompt.find("dog") ? 1 : 0;
  }
  EXPECT_EQ(judged, 2 * kPhotos);
  EXPECT_EQ(cat_first, kPhotos);
}

TEST_F(JudgedTest, GivesNoAnswerTheFewestPoints) {
  judge_by([](const std::string&) { return judgement(5, 5); });
  server_.otherwise([](const json::value& body) {
    const std::string name(body.at("model").as_string());
    return completion(name == "judge" ? judgement(5, 5) : name == "good" ? entities("dog") : "?");
  });
  const Evaluation evaluation = run();
  EXPECT_EQ(evaluation.variants[0].score.estimate, 100.0);
  EXPECT_EQ(evaluation.variants[1].score.estimate, 0.0);
}

TEST_F(JudgedTest, GoesOnWithoutAJudgementThatIsNone) {
  int judgements = 0;
  judge_by([&](const std::string&) {
    return ++judgements == 1 ? std::string(R"({"first": 3})") : judgement(3, 3);
  });
  const Evaluation evaluation = run();
  EXPECT_EQ(evaluation.duels.at(0).duel.photos, kPhotos - 1);
  EXPECT_THAT(evaluation.notes, testing::Contains(HasSubstr("no judgement 1 times")));
}

TEST_F(JudgedTest, EndsWhenTheJudgeIsDown) {
  server_.otherwise([](const json::value& body) {
    if (body.at("model").as_string() == "judge") return HttpResponse{503, "down"};
    return completion(entities("dog"));
  });
  EXPECT_THROW(run(), VlmUnavailable);
  EXPECT_EQ(server_.asked().size(), 2u * kPhotos + 9u);
}

TEST_F(EvaluationTest, SaysWhatItNeeds) {
  EXPECT_THAT(error(), HasSubstr("either labels or a judge"));
  label_all(entities("dog"));
  input_.margin = -1;
  EXPECT_THAT(error(), HasSubstr("margin from 0 to 100"));
  input_.margin = 3;
  input_.models.clear();
  EXPECT_THAT(error(), HasSubstr("at least one model"));
  input_.models = {model("good")};
  input_.labels.reset();
  input_.judge = [this] { return model("judge").open(); };
  EXPECT_THAT(error(), HasSubstr("two models or two prompts"));
  input_.photos.clear();
  EXPECT_THAT(error(), HasSubstr("wanted photos"));
}

TEST_F(EvaluationTest, MeasuresTheMemoryOfAModelInProcess) {
  VlmSettings settings = for_evaluation({.model = SACCADE_SOURCE_DIR "/assets/glance",
                                         .url = "",
                                         .key_variable = "",
                                         .engine = {.device = "cpu", .threads = 1}});
  EXPECT_EQ(settings.engine.vision_cache_bytes, 0);
  input_.labels = Labels{{0}, {json::parse(entities("circle")).as_object()}, {}};
  input_.models = {{"glance", [&] { return make_vlm(settings, models_); }}};
  const Evaluation evaluation = run();
  EXPECT_GT(evaluation.variants[0].memory_bytes.value(), 20'000'000);
  EXPECT_GT(evaluation.variants[0].peak_memory_bytes.value(), 20'000'000);
  EXPECT_TRUE(evaluation.duels.empty());
  EXPECT_THAT(evaluation.decision, HasSubstr("nothing was compared"));
}

}  // namespace
}  // namespace saccade::photos::eval
