// Pulls that must end with one clear line and nothing half done.
#include <gmock/gmock.h>
#include <sys/resource.h>

#include <csignal>

#include "pull_fixture.h"

namespace saccade::hub {
namespace {

namespace fs = std::filesystem;
using testing::AllOf;
using testing::AnyOf;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

TEST_F(PullTest, DeniedAndMissing) {
  add_model();
  const auto answer = [&](int status, const std::string& code) {
    hub_.set_fault([=](const SeenRequest&) {
      return Fault{.status = status,
                   .headers = code.empty() ? "" : "X-Error-Code: " + code + "\r\n"};
    });
    return error();
  };
  EXPECT_THAT(answer(401, "RepoNotFound"), AllOf(HasSubstr("401"), HasSubstr("set HF_TOKEN")));
  EXPECT_THAT(answer(401, "GatedRepo"),
              AllOf(HasSubstr("gated"), HasSubstr("/org/name"), HasSubstr("set HF_TOKEN")));
  EXPECT_THAT(answer(403, ""), AllOf(HasSubstr("gated"), HasSubstr("accept its terms")));
  EXPECT_THAT(answer(404, "RepoNotFound"), AllOf(HasSubstr("404"), HasSubstr("check the name")));
  request_.revision = "v9";
  EXPECT_THAT(answer(404, "RevisionNotFound"), HasSubstr("no revision \"v9\""));
  EXPECT_THAT(answer(418, ""), HasSubstr("418"));
  EXPECT_THAT(hub_.seen(), SizeIs(6)) << "no second attempt at these";
  settings_.token = "hf_secret";
  EXPECT_THAT(answer(401, ""), AllOf(HasSubstr("HF_TOKEN"), Not(HasSubstr("secret"))));
  EXPECT_FALSE(fs::exists(folder()));
}

TEST_F(PullTest, AGatedFileSaysSo) {
  add_model();
  hub_.set_fault([](const SeenRequest& request) {
    return request.path.ends_with("model.safetensors")
               ? Fault{.status = 403, .headers = "X-Error-Code: GatedRepo\r\n"}
               : Fault{};
  });
  EXPECT_THAT(error(), HasSubstr("gated"));
  EXPECT_FALSE(fs::exists(snapshot()));
}

TEST_F(PullTest, TroubleThatLastsEndsThePull) {
  add_model();
  settings_.tuning.max_attempts = 3;
  hub_.set_fault([](const SeenRequest&) { return Fault{.status = 500}; });
  EXPECT_THAT(error(), AllOf(HasSubstr("500"), HasSubstr("pull again later")));
  EXPECT_THAT(hub_.seen(), SizeIs(3));
  hub_.set_fault([](const SeenRequest&) {
    return Fault{.status = 429, .headers = "Retry-After: 100000\r\n"};
  });
  EXPECT_THAT(error(), AllOf(HasSubstr("429"), HasSubstr("in 100000 s")));
  EXPECT_THAT(hub_.seen(), SizeIs(4));
}

TEST_F(PullTest, NobodyThere) {
  settings_.tuning.max_attempts = 2;
  settings_.endpoint = "http://127.0.0.1:1";
  EXPECT_THAT(error(), AllOf(HasSubstr("127.0.0.1:1"), HasSubstr("check the connection")));
}

TEST_F(PullTest, DamagedBytesNeverGetTheFinalName) {
  add_model();
  hub_.set_fault([](const SeenRequest& request) { return Fault{.wrong_bytes = request.storage}; });
  EXPECT_THAT(error(), AllOf(HasSubstr("damaged"), HasSubstr("SHA-256")));
  EXPECT_FALSE(fs::exists(folder() / "blobs" / weights_blob_));
  EXPECT_FALSE(fs::exists(snapshot()));
  hub_.set_fault({});
  pull_model();
  EXPECT_TRUE(is_pulled());
}

TEST_F(PullTest, SmallFilesAreCheckedToo) {
  add_model();
  hub_.set_fault([](const SeenRequest& request) {
    return Fault{.wrong_bytes = request.path.starts_with("/small/")};
  });
  EXPECT_THAT(error(), AllOf(HasSubstr("config.json"), HasSubstr("git object")));
}

TEST_F(PullTest, WrongRanges) {
  add_model();
  settings_.tuning.max_attempts = 2;
  hub_.set_fault([](const SeenRequest& request) { return Fault{.wrong_range = request.storage}; });
  EXPECT_THAT(error(), AnyOf(HasSubstr("Content-Range"), HasSubstr("wanted")));
  EXPECT_FALSE(fs::exists(snapshot()));
}

TEST_F(PullTest, WrongLengths) {
  add_model();
  settings_.tuning.max_attempts = 2;
  hub_.set_fault([](const SeenRequest& request) {
    return Fault{.longer_by = request.path.starts_with("/small/") ? 7 : 0};
  });
  EXPECT_THAT(error(), AllOf(HasSubstr("wanted"), HasSubstr("bytes")));
  EXPECT_FALSE(fs::exists(snapshot()));
}

TEST_F(PullTest, HostileNamesDoNotLeaveTheSnapshot) {
  for (const std::string name :
       {"../evil.json", "/evil.json", "a/../../evil.json", "a//evil.json", "./evil.json",
        "a\\\\evil.json", "a\\u0000.json", "a\\n.json", "", "\\u001b[2J.json"}) {
    hub_.set_listing("{\"sha\": \"" + std::string(kCommit) +
                     "\", \"siblings\": [{\"rfilename\": \"model.safetensors\", \"size\": 1, "
                     "\"blobId\": \"" +
                     std::string(40, 'b') + "\"}, {\"rfilename\": \"" + name +
                     "\", \"size\": 1, \"blobId\": \"" + std::string(40, 'a') + "\"}]}");
    request_.include = {"*"};
    EXPECT_THAT(error(), HasSubstr("no safe path")) << name;
  }
  EXPECT_THAT(fs::directory_iterator(cache_.path()), fs::directory_iterator());
}

TEST_F(PullTest, HostileListings) {
  const std::string sha = "\"sha\": \"" + std::string(kCommit) + "\"";
  const std::string blob = "\"blobId\": \"" + std::string(40, 'a') + "\"";
  const auto file = [&](const std::string& rest) {
    return "{" + sha + ", \"siblings\": [{\"rfilename\": \"a.safetensors\", " + rest + "}]}";
  };
  for (const std::string& listing :
       {std::string("no JSON"), std::string(100'000, '['), std::string("[]"), std::string("{}"),
        "{" + sha + "}", "{" + sha + ", \"siblings\": 3}", "{" + sha + ", \"siblings\": [3]}",
        std::string("{\"sha\": \"../../../etc\", \"siblings\": []}"),
        std::string("{\"sha\": \"main\", \"siblings\": []}"), "{" + sha + ", \"siblings\": [{}]}",
        file("\"size\": -1, " + blob), file("\"size\": 1e300, " + blob),
        file("\"size\": 9223372036854775807, " + blob), file("\"size\": \"x\", " + blob),
        file("\"size\": 1, \"blobId\": \"../../x\""), file("\"size\": 1, \"blobId\": 7"),
        file("\"size\": 1, \"lfs\": {\"sha256\": \"" + std::string(64, '/') + "\"}"),
        file("\"size\": 1, \"lfs\": []"),
        "{" + sha + ", \"siblings\": [{\"rfilename\": \"a.safetensors\", \"size\": 1, " + blob +
            "}, {\"rfilename\": \"a.safetensors\", \"size\": 1, " + blob + "}]}"}) {
    hub_.set_listing(listing);
    EXPECT_THAT(error(), Not(IsEmpty())) << listing.substr(0, 100);
  }
  EXPECT_THAT(fs::directory_iterator(cache_.path()), fs::directory_iterator());
}

TEST_F(PullTest, AFileThatNeedNotFitIsRefusedBeforeItComes) {
  hub_.set_listing("{\"sha\": \"" + std::string(kCommit) +
                   "\", \"siblings\": [{\"rfilename\": \"a.safetensors\", \"size\": "
                   "70000000000000, \"blobId\": \"" +
                   std::string(40, 'a') + "\"}]}");
  EXPECT_THAT(error(), AllOf(HasSubstr("no room"), HasSubstr("HF_HUB_CACHE")));
  EXPECT_THAT(hub_.seen(), SizeIs(1));
}

TEST_F(PullTest, AFullDiskKeepsWhatCame) {
  add_model();
  // A limit on the size of files is the full disk that needs no rights of root.
  rlimit before{};
  getrlimit(RLIMIT_FSIZE, &before);
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  const rlimit tight{600'000, before.rlim_max};
  setrlimit(RLIMIT_FSIZE, &tight);
  const std::string message = error();
  setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_THAT(message, AllOf(HasSubstr("no room"), HasSubstr("is kept")));
  EXPECT_FALSE(fs::exists(snapshot()));
  hub_.forget();
  const PullResult result = pull_model();
  EXPECT_TRUE(is_pulled());
  EXPECT_LT(result.received_bytes, 900'000);
}

TEST_F(PullTest, OfflineAsksNobody) {
  settings_.offline = true;
  EXPECT_THAT(error(), HasSubstr("HF_HUB_OFFLINE"));
  EXPECT_THAT(hub_.seen(), IsEmpty());
}

TEST_F(PullTest, NamesThatCannotBe) {
  for (const char* name : {"", "name", "a/b/c", "/name", "org/", "org/..", "../x", "org/na me",
                           "org/na--me", "org/.name", "org/n%2e"}) {
    request_.repository = name;
    EXPECT_THAT(error(), HasSubstr("ORG/NAME")) << name;
  }
  request_.repository = "org/name";
  for (const char* revision : {"", "..", "a/../b", "/main", "a b", "a\n", "main~1"}) {
    request_.revision = revision;
    EXPECT_THAT(error(), HasSubstr("--revision")) << revision;
  }
  EXPECT_THAT(hub_.seen(), IsEmpty());
}

TEST_F(PullTest, GgufRepositoriesNeedAChoice) {
  hub_.add("config.json", "{}", false);
  hub_.add("m-Q4_K_M.gguf", content_of(5000, 3), true);
  hub_.add("m-Q8_0.gguf", content_of(9000, 4), true);
  EXPECT_THAT(error(), AllOf(HasSubstr(".gguf"), HasSubstr("--include \"m-Q4_K_M.gguf\"")));
  ASSERT_THAT(listener_.offered, SizeIs(2));
  EXPECT_EQ(listener_.offered[1].name, "m-Q8_0.gguf");
  EXPECT_EQ(listener_.offered[1].bytes, 9000);
  request_.include = {"*q2*"};
  EXPECT_THAT(error(), HasSubstr("none of its 3 files"));
  request_.include = {"*Q8*", "*.json"};
  EXPECT_EQ(pull_model().files, 2);
  EXPECT_EQ(text("m-Q8_0.gguf"), content_of(9000, 4));
}

}  // namespace
}  // namespace saccade::hub
