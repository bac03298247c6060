// Pictures from other machines: which may be asked, and what becomes of what they send.
#include "server/remote_picture.h"

#include <arpa/inet.h>
#include <gmock/gmock.h>
#include <netinet/in.h>

#include <cstdlib>
#include <cstring>

#include "server/api_error.h"
#include "server/options.h"
#include "server/picture_site.h"

namespace saccade::server {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;
using Permission = RemoteHosts::Permission;

bool is_public(const std::string& text) {
  sockaddr_storage storage = {};
  sockaddr_in v4 = {};
  sockaddr_in6 v6 = {};
  v4.sin_family = AF_INET;
  v6.sin6_family = AF_INET6;
  if (inet_pton(AF_INET, text.c_str(), &v4.sin_addr) == 1) {
    std::memcpy(&storage, &v4, sizeof v4);
  } else {
    EXPECT_EQ(inet_pton(AF_INET6, text.c_str(), &v6.sin6_addr), 1) << text;
    std::memcpy(&storage, &v6, sizeof v6);
  }
  return is_public_address(reinterpret_cast<const sockaddr&>(storage));
}

TEST(PublicAddresses, AreToldFromAllOthers) {
  for (const char* address :
       {"1.1.1.1", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.0", "126.255.255.255",
        "128.0.0.1", "169.253.0.1", "172.15.255.255", "172.32.0.0", "192.167.0.1", "198.17.0.1",
        "198.20.0.1", "223.255.255.255", "2606:4700::1111", "2a00::1"}) {
    EXPECT_TRUE(is_public(address)) << address;
  }
  for (const char* address :
       {"0.0.0.0",    "10.1.2.3",        "100.64.0.1",      "127.0.0.1",
        "127.8.9.1",  "169.254.169.254", "172.16.0.1",      "172.31.255.255",
        "192.0.0.1",  "192.0.2.1",       "192.88.99.1",     "192.168.1.1",
        "198.18.0.1", "198.19.255.255",  "198.51.100.7",    "203.0.113.9",
        "224.0.0.1",  "240.0.0.1",       "255.255.255.255", "::",
        "::1",        "::ffff:1.1.1.1",  "::1.2.3.4",       "64:ff9b::1.1.1.1",
        "fe80::1",    "fc00::1",         "fd12::1",         "ff02::1",
        "2001::1",    "2001:db8::1",     "2002:7f00:1::",   "3fff::1"}) {
    EXPECT_FALSE(is_public(address)) << address;
  }
  sockaddr unix_address = {};
  unix_address.sa_family = AF_UNIX;
  EXPECT_FALSE(is_public_address(unix_address));
}

TEST(RemoteHosts, AllowWhatTheySay) {
  const RemoteHosts hosts({"example.org", "*.images.example.org", "Other.example:8443", "10.0.0.7",
                           "127.0.0.1:9000", "[::1]:9000", "fd00::7"});
  EXPECT_EQ(hosts.find("https", "example.org", 443), Permission::kPublic);
  EXPECT_EQ(hosts.find("http", "EXAMPLE.org.", 80), Permission::kPublic);
  EXPECT_EQ(hosts.find("http", "example.org", 443), Permission::kNone);
  EXPECT_EQ(hosts.find("http", "example.org", 8080), Permission::kNone);
  EXPECT_EQ(hosts.find("http", "www.example.org", 80), Permission::kNone);
  EXPECT_EQ(hosts.find("http", "badexample.org", 80), Permission::kNone);
  EXPECT_EQ(hosts.find("http", "a.b.images.example.org", 80), Permission::kPublic);
  EXPECT_EQ(hosts.find("http", "images.example.org", 80), Permission::kNone);
  EXPECT_EQ(hosts.find("https", "other.example", 8443), Permission::kPublic);
  EXPECT_EQ(hosts.find("https", "other.example", 443), Permission::kNone);
  EXPECT_EQ(hosts.find("http", "10.0.0.7", 80), Permission::kAddress);
  EXPECT_EQ(hosts.find("http", "10.0.0.8", 80), Permission::kNone);
  EXPECT_EQ(hosts.find("http", "127.0.0.1", 9000), Permission::kAddress);
  EXPECT_EQ(hosts.find("http", "127.0.0.1", 9001), Permission::kNone);
  EXPECT_EQ(hosts.find("http", "[::1]", 9000), Permission::kAddress);
  EXPECT_EQ(hosts.find("http", "[fd00:0::7]", 80), Permission::kAddress);
  const RemoteHosts all({"*"});
  EXPECT_EQ(all.find("https", "anything.example", 443), Permission::kPublic);
  EXPECT_EQ(all.find("https", "127.0.0.1", 443), Permission::kPublic);  // as far as it is public
  EXPECT_EQ(all.find("https", "anything.example", 22), Permission::kNone);
  EXPECT_EQ(RemoteHosts({}).find("https", "example.org", 443), Permission::kNone);
}

TEST(RemoteHosts, RefuseWhatIsNoHost) {
  for (const char* text :
       {"", "http://example.org", "example.org/path", "a b", "*example.org", "*.", "example.org:0",
        "example.org:x", "example.org:70000", ".org", "a..b", "user@example.org", ":80"}) {
    EXPECT_THROW(RemoteHosts({text}), Error) << text;
  }
}

TEST(RemoteHosts, ContradictTheSeal) {
  ServeOptions options;
  options.remote_hosts = {"example.org"};
  check_options(options);
  options.sealed = true;
  EXPECT_THROW(check_options(options), Error);
}

class RemotePictures : public testing::Test {
 protected:
  RemotePictures() {
    site_.add("/a.png", "picture");
    site_.redirect("/1", "/a.png");
    site_.redirect("/2", "/1");
    site_.redirect("/3", "/2");
    site_.redirect("/4", "/3");
    site_.redirect("/round", "/round");
    site_.redirect("/elsewhere", "http://127.0.0.2:1/secret");
    site_.redirect("/by-name", site_.url_by_name("/a.png"));
    site_.redirect("/file", "file:///etc/passwd");
  }

  std::string fetch(const std::string& url, const std::vector<std::string>& hosts) {
    room_ = 100;
    const auto bytes =
        fetch_picture({url, "messages[0]"}, RemoteHosts(hosts), {time_, room_, cancelled_});
    return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
  }
  std::string fetch(const std::string& url) { return fetch(url, {site_.host()}); }
  std::string error_of(const std::string& url, const std::vector<std::string>& hosts) {
    try {
      return "fetched " + fetch(url, hosts);
    } catch (const ApiError& error) {
      EXPECT_EQ(error.param(), "messages[0]");
      return fmt::format("{} {}", error.status(), error.what());
    }
  }
  std::string error_of(const std::string& url) { return error_of(url, {site_.host()}); }

  PictureSite site_;
  std::chrono::milliseconds time_{20'000};
  std::atomic<std::int64_t> room_ = 100;
  std::atomic<bool> cancelled_ = false;
};

TEST_F(RemotePictures, AreFetched) {
  EXPECT_EQ(fetch(site_.url("/a.png")), "picture");
  EXPECT_EQ(fetch(site_.url("/a.png?size=7#part")), "picture");
  EXPECT_EQ(fetch(site_.url("/3")), "picture");
}

TEST_F(RemotePictures, AreAskedForWithoutAProxy) {
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) {
    setenv(name, "http://127.0.0.1:1", 1);
  }
  EXPECT_EQ(fetch(site_.url("/a.png")), "picture");
  for (const char* name : {"http_proxy", "all_proxy", "ALL_PROXY"}) unsetenv(name);
}

TEST_F(RemotePictures, AreNotFetchedFromOtherHosts) {
  EXPECT_THAT(error_of(site_.url("/a.png"), {"example.org"}),
              AllOf(HasSubstr("403"), HasSubstr("is of a host that this server does not fetch")));
  EXPECT_THAT(error_of(site_.url("/a.png"), {"127.0.0.1:1"}), HasSubstr("403"));
  EXPECT_THAT(error_of(site_.url_by_name("/a.png")), HasSubstr("403"));
  const std::string with_user = "http://user:word@" + site_.host() + "/a.png";
  EXPECT_THAT(error_of(with_user), AllOf(HasSubstr("without a user"), Not(HasSubstr("word"))));
  for (const char* url : {"http://", "http:///a.png", "https://[::1", "httpx://a/b"}) {
    EXPECT_THAT(error_of(url), testing::StartsWith("40")) << url;
  }
}

/// A name is allowed, and what it stands for is not.
TEST_F(RemotePictures, AreNotFetchedFromPrivateAddresses) {
  const std::string name = "localhost" + site_.host().substr(9);
  EXPECT_THAT(error_of(site_.url_by_name("/a.png"), {name}),
              AllOf(HasSubstr("403"), HasSubstr("no address of the public internet"),
                    Not(HasSubstr("127.0.0.1"))));
  EXPECT_THAT(error_of("http://127.0.0.1/a.png", {"*"}), HasSubstr("no address of the public"));
  EXPECT_THAT(error_of("http://[::ffff:127.0.0.1]/a.png", {"*"}),
              HasSubstr("no address of the public"));
  EXPECT_THAT(error_of("http://0x7f.1/a.png", {"*"}), HasSubstr("no address of the public"));
  EXPECT_THAT(error_of("http://169.254.169.254/latest", {"*"}),
              HasSubstr("no address of the public"));
}

TEST_F(RemotePictures, AreNotFetchedByWaysAround) {
  const auto away = HasSubstr("was redirected to where this server does not fetch from");
  EXPECT_THAT(error_of(site_.url("/elsewhere")),
              AllOf(HasSubstr("403"), away, Not(HasSubstr("127.0.0.2"))));
  EXPECT_THAT(error_of(site_.url("/by-name")), away);
  EXPECT_THAT(error_of(site_.url("/file")), testing::StartsWith("4"));
  EXPECT_THAT(error_of(site_.url("/4")),
              AllOf(HasSubstr("422"), HasSubstr("redirected more than 3 times")));
  EXPECT_THAT(error_of(site_.url("/round")), HasSubstr("redirected more than 3 times"));
  // Allowed as a name, which leads to where no name may lead.
  const std::string name = "localhost" + site_.host().substr(9);
  EXPECT_THAT(error_of(site_.url("/by-name"), {site_.host(), name}),
              HasSubstr("no address of the public"));
}

TEST_F(RemotePictures, AreRefusedWhenSomethingIsWrong) {
  EXPECT_THAT(error_of(site_.url("/missing?key=secret")),
              AllOf(HasSubstr("422"), HasSubstr("/missing was answered with status 404"),
                    Not(HasSubstr("secret"))));
  site_.add("/empty", "");
  EXPECT_THAT(error_of(site_.url("/empty")), HasSubstr("is empty"));
  site_.add("/large", std::string(101, 'x'));
  EXPECT_THAT(error_of(site_.url("/large")), AllOf(HasSubstr("413"), HasSubstr("is larger")));
  EXPECT_THAT(error_of("http://127.0.0.1:1/", {"127.0.0.1:1"}),
              AllOf(HasSubstr("422"), HasSubstr("cannot be fetched")));
}

TEST_F(RemotePictures, MustComeInTime) {
  time_ = std::chrono::milliseconds(300);
  EXPECT_THAT(error_of(site_.url("/slow")),
              AllOf(HasSubstr("422"), HasSubstr("did not come within 0.3 seconds")));
}

TEST_F(RemotePictures, AreLetGoWhenNobodyWantsThem) {
  std::thread leaving([this] {
    EXPECT_TRUE(site_.was_asked());
    cancelled_ = true;
  });
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_THAT(error_of(site_.url("/slow")), HasSubstr("422"));
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(10));
  EXPECT_TRUE(site_.saw_client_go());
  leaving.join();
}

}  // namespace
}  // namespace saccade::server
