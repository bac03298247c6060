// Requests to servers that the user named.
#include "server/http_transfer.h"

#include <gmock/gmock.h>

#include "saccade/error.h"
#include "server/picture_site.h"

namespace saccade::server {
namespace {

using testing::HasSubstr;
using Kind = TransferEnd::Kind;

TEST(ServerUrl, IsCutToWhatItsPathsFollow) {
  for (const char* url : {"http://127.0.0.1:8080", "http://127.0.0.1:8080/",
                          "http://127.0.0.1:8080/v1", "http://127.0.0.1:8080/v1//"}) {
    EXPECT_EQ(checked_server_url(url, "server"), "http://127.0.0.1:8080");
  }
  EXPECT_EQ(checked_server_url("https://example.org/models", "server"),
            "https://example.org/models");
}

TEST(ServerUrl, OfAnotherKindIsRefused) {
  for (const char* url : {"", "127.0.0.1:8080", "ftp://127.0.0.1", "file:///etc/passwd", "http://",
                          "http://me:secret@127.0.0.1", "http://127.0.0.1/?key=1",
                          "http://127.0.0.1/#there", "http://a b"}) {
    try {
      checked_server_url(url, "photos.toml: url");
      ADD_FAILURE() << url;
    } catch (const Error& error) {
      EXPECT_THAT(error.what(), HasSubstr("photos.toml: url: wanted a URL such as")) << url;
    }
  }
}

TEST(ServerMessage, IsFoundInTheShapesThatServersHave) {
  EXPECT_EQ(server_message(R"({"error": {"message": "no", "code": 3}})"), "no");
  EXPECT_EQ(server_message(R"({"error": "no"})"), "no");
  EXPECT_EQ(server_message(R"({"error": {}})"), R"({"error": {}})");
  EXPECT_EQ(server_message("Bad gateway"), "Bad gateway");
}

TEST(HttpTransfer, GoesNoFurtherThanTheServer) {
  PictureSite site;
  PictureSite other;
  other.add("/there", "secret");
  site.redirect("/here", other.url("/there"));
  std::string body;
  const TransferEnd end =
      transfer({.url = site.url("/here"), .on_data = [&](std::string_view data) {
                  body += data;
                  return true;
                }});
  EXPECT_EQ(end.kind, Kind::kAnswered);
  EXPECT_EQ(end.status, 302);
  EXPECT_EQ(body, "");
}

TEST(HttpTransfer, EndsWhenNobodyWantsItAnyMore) {
  PictureSite site;
  const TransferEnd end =
      transfer({.url = site.url("/slow"), .on_data = [&](std::string_view) { return false; }});
  EXPECT_EQ(end.kind, Kind::kStopped);
  EXPECT_EQ(end.status, 0);
}

TEST(HttpTransfer, EndsAfterItsTime) {
  PictureSite site;
  const TransferEnd end =
      transfer({.url = site.url("/slow"), .time_limit = std::chrono::milliseconds(50)});
  EXPECT_EQ(end.kind, Kind::kTimedOut);
}

TEST(HttpTransfer, SaysThatNobodyIsThere) {
  std::string url;
  {
    PictureSite site;
    url = site.url("/");
  }
  const TransferEnd end = transfer({.url = url});
  EXPECT_EQ(end.kind, Kind::kUnreachable);
  EXPECT_NE(end.error, "");
}

}  // namespace
}  // namespace saccade::server
