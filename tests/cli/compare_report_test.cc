#include "cli/compare_report.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "base/json_text.h"
#include "cli/compare_inputs.h"
#include "saccade/error.h"
#include "temporary_directory.h"

namespace saccade::cli {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;

CompareReport sample() {
  CompareReport report;
  report.complete = true;
  report.questions = 4;
  report.positions = 1234;
  report.vocab_size = 1536;
  report.divergence = {0.0123456, 0.0005, 0.25, 0.5};
  report.tower_error = {0.0123456, 0.02};
  report.same_tokens = 0.98765;
  report.same_answers = 0.75;
  report.same_prefix = 0.875;
  report.a = {"whole", 4 << 20, 12.0, 30.0, 1000.0, 50.0, "cpu"};
  report.b = {"quarter", 1 << 20, 3.0, 31.0, 900.0, 120.25, "cuda:0"};
  return report;
}

TEST(CompareText, IsATable) {
  EXPECT_EQ(compare_text(sample()),
            "                A                B\n"
            "model           whole            quarter\n"
            "size            4.00 MiB         1.00 MiB, 25.0 % of A\n"
            "device          cpu              cuda:0\n"
            "load            12 ms            3.00 ms\n"
            "image encoding  30 ms            31 ms\n"
            "prefill         1000.0 tokens/s  900.0 tokens/s\n"
            "decode          50.0 tokens/s    120.2 tokens/s\n"
            "\n"
            "Over 1,234 positions in 4 answers of A, 1,536 tokens to choose from\n"
            "KL(A||B) mean        0.0123 nats\n"
            "median               0.0005 nats\n"
            "99th percentile      0.25 nats\n"
            "largest              0.5 nats\n"
            "same token           98.77 % of positions\n"
            "same answer          75.00 % of answers\n"
            "before a difference  87.50 % of tokens\n"
            "tower's error        0.0123 mean, 0.02 largest\n");
  CompareReport text_alone = sample();
  text_alone.a.vision_ms = text_alone.b.vision_ms = 0.0;
  text_alone.tower_error.reset();
  EXPECT_THAT(compare_text(text_alone), AllOf(Not(HasSubstr("image")), Not(HasSubstr("tower"))));
}

TEST(CompareJson, HasEveryFigure) {
  EXPECT_EQ(
      json_text(compare_json(sample())),
      R"({"a": {"model": "whole", "device": "cpu", "bytes": 4194304, "load_ms": 12, "vision_ms": 30, )"
      R"("prefill_tokens_per_second": 1000, "decode_tokens_per_second": 50}, )"
      R"("b": {"model": "quarter", "device": "cuda:0", "bytes": 1048576, "load_ms": 3, "vision_ms": 31, )"
      R"("prefill_tokens_per_second": 900, "decode_tokens_per_second": 120.25}, )"
      R"("questions": 4, "positions": 1234, "vocab_size": 1536, )"
      R"("kl_divergence": {"mean": 0.0123456, "median": 0.0005, "p99": 0.25, "max": 0.5}, )"
      R"("same_tokens": 0.98765, "same_answers": 0.75, "same_prefix": 0.875, )"
      R"("tower_error": {"mean": 0.0123456, "max": 0.02}})");
}

TEST(CompareProgressText, SaysWhichModelIsAtWhat) {
  EXPECT_EQ(compare_progress_text({true, true, 40, 100}), "A: loading, 40 %");
  EXPECT_EQ(compare_progress_text({true, true, 0, 0}), "A: loading, 0 %");
  EXPECT_EQ(compare_progress_text({false, false, 2, 8}), "B: [====>           ] question 3 of 8");
}

TEST(ReadPrompts, TakesALineEach) {
  const TemporaryDirectory folder;
  const auto path =
      folder.write("prompts", "# what we ask\n\n  What is it? \r\n\t\nWhere? # really\nLast");
  EXPECT_THAT(read_prompts(path), ElementsAre("What is it?", "Where? # really", "Last"));
  EXPECT_THROW(read_prompts(folder.write("none", "\n# nothing\n")), Error);
}

TEST(ListPictures, TakesThoseThatCanBeReadInOrder) {
  const TemporaryDirectory folder;
  for (const char* name : {"b.PNG", "a.jpg", "notes.txt", "c.tiff", "jpg"}) folder.write(name, "");
  std::filesystem::create_directory(folder.file("d.png"));
  EXPECT_THAT(list_pictures(folder.path()),
              ElementsAre(folder.file("a.jpg"), folder.file("b.PNG"), folder.file("c.tiff")));
}

}  // namespace
}  // namespace saccade::cli
