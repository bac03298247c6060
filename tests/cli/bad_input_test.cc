// Inputs that are not as they must be: one line, the right status, never a crash.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>

#include "model_copy.h"
#include "process.h"

namespace saccade::cli {
namespace {

Outcome ask(const std::string& model, std::vector<std::string> more = {}) {
  std::vector<std::string> arguments = {"run", model, "What is it?", "--max-tokens", "2"};
  arguments.insert(arguments.end(), more.begin(), more.end());
  return run_program(arguments);
}

/// A safetensors file: the size of the header, the header, some data.
std::string safetensors(const std::string& header, std::size_t data_bytes) {
  std::string file;
  for (int shift = 0; shift < 64; shift += 8) {
    file += static_cast<char>(static_cast<std::uint64_t>(header.size()) >> shift);
  }
  return file + header + std::string(data_bytes, '\0');
}

std::uint32_t crc_of(const std::string& bytes) {
  std::uint32_t crc = 0xFFFFFFFFU;
  for (const char byte : bytes) {
    crc ^= static_cast<unsigned char>(byte);
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1U) != 0 ? 0xEDB88320U : 0U);
  }
  return ~crc;
}

std::string big_endian(std::uint32_t number) {
  std::string bytes;
  for (int shift = 24; shift >= 0; shift -= 8) bytes += static_cast<char>(number >> shift);
  return bytes;
}

std::string chunk(const std::string& type, const std::string& data) {
  return big_endian(static_cast<std::uint32_t>(data.size())) + type + data +
         big_endian(crc_of(type + data));
}

/// A PNG whose header claims a size, with nothing in it.
std::string png_claiming(std::uint32_t width, std::uint32_t height) {
  return "\x89PNG\r\n\x1a\n" +
         chunk("IHDR", big_endian(width) + big_endian(height) + std::string("\x08\x02\0\0\0", 5)) +
         chunk("IDAT", "") + chunk("IEND", "");
}

TEST(BadModel, Missing) {
  expect_refused(ask("/no/such/model"), 1, "/no/such/model");
  expect_refused(ask("no-such-name"), 1, "no-such-name");
  expect_refused(ask("nobody/nothing"), 1, "Hugging Face cache");
  expect_refused(ask(golden_image()), 1, "found another kind of file");
  const TemporaryDirectory empty;
  expect_refused(ask(empty.file("")), 1, "config.json");
}

TEST(BadModel, FilesThatAreNotThere) {
  for (const char* name :
       {"config.json", "tokenizer.json", "model.safetensors", "preprocessor_config.json"}) {
    const ModelCopy model;
    model.remove(name);
    expect_refused(ask(model.path()), 1, model.path());
  }
  const ModelCopy sharded("saved_sharded_f32");
  sharded.remove("model-00002-of-00002.safetensors");
  expect_refused(ask(sharded.path()), 1, "model-00002-of-00002.safetensors");
}

TEST(BadModel, BrokenJson) {
  for (const char* name : {"config.json", "tokenizer.json", "preprocessor_config.json",
                           "generation_config.json", "tokenizer_config.json"}) {
    for (const std::string& content :
         {std::string("{\"a\": [1, 2"), std::string(), std::string("[]"), std::string("\xFF\xFE"),
          std::string(100'000, '[')}) {
      SCOPED_TRACE(std::string(name) + ": " + content.substr(0, 20));
      const ModelCopy model;
      model.write(name, content);
      expect_refused(ask(model.path()), 1, name);
    }
  }
}

TEST(BadModel, UnknownFamily) {
  const ModelCopy model;
  model.replace("config.json", "\"model_type\": \"qwen2_5_vl\",", "\"model_type\": \"gpt9\",");
  expect_refused(ask(model.path()), 1, "gpt9");
  expect_refused(run_program({"inspect", model.path()}), 1, "gpt9");
}

TEST(BadModel, ConfigThatContradictsTheTensors) {
  const ModelCopy model;
  model.replace("config.json", "\"intermediate_size\": 40", "\"intermediate_size\": 48");
  expect_refused(ask(model.path()), 1, "config.json");
}

TEST(BadModel, NumbersThatMakeNoSense) {
  for (const char* value : {"0", "-2", "1e30", "\"two\"", "null", "3"}) {
    const ModelCopy model;
    model.replace("config.json", "\"num_attention_heads\": 2",
                  std::string("\"num_attention_heads\": ") + value);
    expect_refused(ask(model.path()), 1, model.path());
  }
}

TEST(BadModel, TruncatedSafetensors) {
  const ModelCopy model;
  const std::string whole = model.read("model.safetensors");
  for (const std::size_t size : {std::size_t{0}, std::size_t{7}, std::size_t{8}, std::size_t{500},
                                 whole.size() / 2, whole.size() - 1}) {
    model.write("model.safetensors", whole.substr(0, size));
    expect_refused(ask(model.path()), 1, "model.safetensors");
    expect_refused(run_program({"inspect", model.path()}), 1, "model.safetensors");
  }
}

TEST(BadModel, LyingSafetensors) {
  const std::string tensor = "{\"dtype\": \"F32\", \"shape\": [2, 2], \"data_offsets\": ";
  const std::string headers[] = {
      "{\"t\": " + tensor + "[0, 8]}}",                     // fewer bytes than elements
      "{\"t\": " + tensor + "[0, 1000]}}",                  // beyond the file
      "{\"t\": " + tensor + "[16, 0]}}",                    // backwards
      "{\"t\": " + tensor + "[-16, 0]}}",                   // negative
      "{\"t\": " + tensor + "[0, 18446744073709551615]}}",  // beyond all numbers
      "{\"t\": {\"dtype\": \"F32\", \"shape\": [-1, 4], \"data_offsets\": [0, 16]}}",
      "{\"t\": {\"dtype\": \"F32\", \"shape\": [4294967296, 4294967296], \"data_offsets\": [0, "
      "16]}}",
      "{\"t\": 7}",
      "[]",
  };
  const ModelCopy model;
  for (const std::string& header : headers) {
    SCOPED_TRACE(header);
    model.write("model.safetensors", safetensors(header, 16));
    expect_refused(ask(model.path()), 1, "model.safetensors");
  }
  model.write("model.safetensors", std::string(8, '\xFF') + "{}");
  expect_refused(ask(model.path()), 1, "model.safetensors");
  model.write("model.safetensors", safetensors("{}", 0));
  expect_refused(ask(model.path()), 1, model.path());
}

TEST(BadModel, UnknownDtype) {
  const ModelCopy model;
  std::string file = model.read("model.safetensors");
  const std::size_t at = file.find("\"F32\"");
  ASSERT_NE(at, std::string::npos);
  model.write("model.safetensors", file.replace(at, 5, "\"F99\""));
  expect_refused(ask(model.path()), 1, "F99");
}

TEST(BadModel, TemplatesThatFail) {
  for (const char* text : {"{% for m in messages %}", "{{ nothing.at.all }}", "{{ 1 // 0 }}",
                           "{{ raise_exception('no pictures here') }}", "{% endif %}"}) {
    const ModelCopy model;
    model.remove("chat_template.json");
    model.write("chat_template.jinja", text);
    expect_refused(ask(model.path()), 1, "chat_template.jinja");
  }
}

TEST(BadModel, TooLargeForMemoryIsSaidBeforeLoading) {
  // Four TiB of weights in a file of holes: only its size is ever looked at.
  const ModelCopy model;
  const std::string header =
      "{\"model.embed_tokens.weight\": {\"dtype\": \"F32\", \"shape\": [549755813888, 2], "
      "\"data_offsets\": [0, 4398046511104]}}";
  model.write("model.safetensors", safetensors(header, 0));
  std::error_code error;
  std::filesystem::resize_file(model.file("model.safetensors"), 8 + header.size() + (4LL << 40),
                               error);
  if (error) GTEST_SKIP() << "no files of that size here: " << error.message();
  expect_refused(ask(model.path()), 1, model.path());
}

TEST(BadPicture, NotThereOrNotAPicture) {
  const TemporaryDirectory folder;
  const std::string model = golden_model();
  expect_refused(ask(model, {"--image", "no-such.png"}), 1, "no-such.png");
  expect_refused(ask(model, {"--image", ""}), 1, "");
  expect_refused(ask(model, {"--image", folder.file("")}), 1, folder.file(""));
  for (const std::string& content :
       {std::string(), std::string("hello"), std::string(5000, '\0'),
        std::string("<svg xmlns=\"http://www.w3.org/2000/svg\"/>"), std::string("%PDF-1.4\n")}) {
    const std::string path = folder.write("fake.png", content);
    expect_refused(ask(model, {"--image", path}), 1, path);
  }
  expect_refused(run_program({"tokens", model, "--image", "no-such.png"}), 1, "no-such.png");
}

TEST(BadPicture, FilesWithoutEndAreCutOff) {
  expect_refused(ask(golden_model(), {"--image", "/dev/zero"}), 1, "more than 512 MiB");
}

TEST(BadPicture, Truncated) {
  const TemporaryDirectory folder;
  const std::string whole = read_file(golden_image("large_150x201.png"));
  for (const std::size_t size :
       {std::size_t{8}, std::size_t{30}, whole.size() / 2, whole.size() - 100}) {
    const std::string path = folder.write("half.png", whole.substr(0, size));
    expect_refused(ask(golden_model(), {"--image", path}), 1, path);
  }
}

TEST(BadPicture, MorePixelsThanAllowed) {
  const std::string picture = golden_image("large_150x201.png");
  expect_refused(ask(golden_model(), {"--image", picture, "--max-image-pixels", "30149"}), 1,
                 "30149");
  EXPECT_EQ(ask(golden_model(), {"--image", picture, "--max-image-pixels", "30150"}).status, 0);
}

TEST(BadPicture, BombsAreRefusedBeforeDecoding) {
  const TemporaryDirectory folder;
  const std::string path = folder.write("bomb.png", png_claiming(60'000, 60'000));
  expect_refused(ask(golden_model(), {"--image", path}), 1, "60000");
}

TEST(BadPicture, TooLongAndThin) {
  // One row of 201 gray pixels in a stored (uncompressed) block: filter byte and samples.
  const std::string row(202, '\0');
  const std::string adler("\x00\xCA\x00\x01", 4);
  const std::string deflated = std::string("\x78\x01\x01\xCA\x00\x35\xFF", 7) + row + adler;
  const std::string png =
      "\x89PNG\r\n\x1a\n" +
      chunk("IHDR", big_endian(201) + big_endian(1) + std::string("\x08\0\0\0\0", 5)) +
      chunk("IDAT", deflated) + chunk("IEND", "");
  const TemporaryDirectory folder;
  const std::string path = folder.write("thin.png", png);
  const Outcome outcome = ask(golden_model(), {"--image", path});
  expect_refused(outcome, 1, path);
  EXPECT_THAT(outcome.err, testing::HasSubstr("200"));
}

TEST(BadPrompt, LongerThanTheContext) {
  std::string words;
  for (int i = 0; i < 6000; ++i) words += "hat ";
  const std::string model = golden_model();
  expect_refused(run_program({"run", model, words}), 1, "2048");
  expect_refused(run_program(Invocation{{"run", model, "--json"}, words, {}, {}, ""}), 1, "2048");
  const Outcome counted = run_program(Invocation{{"tokens", model, "-"}, words, {}, {}, ""});
  EXPECT_EQ(counted.status, 0) << "counting is what this command is for";
  EXPECT_THAT(counted.out, testing::HasSubstr("no room for an answer"));
}

TEST(BadInput, JsonStaysUnwritten) {
  const TemporaryDirectory folder;
  const std::string path = folder.write("fake.png", "no picture");
  expect_refused(ask(golden_model(), {"--json", "--image", path}), 1, path);
}

}  // namespace
}  // namespace saccade::cli
