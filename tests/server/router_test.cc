#include "server/router.h"

#include <gmock/gmock.h>

#include "server/server.h"

namespace saccade::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

Router example() {
  Router router;
  router.add({"GET", "/models"});
  router.add({"GET", "/models/{model}"});
  router.add({"POST", "/cache"});
  router.add({"DELETE", "/cache"});
  return router;
}

TEST(Router, FindsARouteByMethodAndPath) {
  const Router router = example();
  EXPECT_EQ(router.match("GET", "/models").route, &router.routes()[0]);
  EXPECT_EQ(router.match("DELETE", "/cache").route, &router.routes()[3]);
  EXPECT_EQ(router.match("HEAD", "/models").route, &router.routes()[0]);
}

TEST(Router, GivesTheRestOfAPathAsItsParameter) {
  const Router router = example();
  const Router::Match match = router.match("GET", "/models/org/name");
  EXPECT_EQ(match.route, &router.routes()[1]);
  EXPECT_EQ(match.parameter, "org/name");
  EXPECT_EQ(router.match("GET", "/models/").route, nullptr);
}

TEST(Router, TellsAWrongMethodFromAnUnknownPath) {
  const Router router = example();
  EXPECT_THAT(router.match("GET", "/cache").allowed, ElementsAre("POST", "DELETE"));
  EXPECT_EQ(router.match("GET", "/cache").route, nullptr);
  for (const char* path : {"/", "", "/modelsx", "/Models", "/models?x=1", "/cache/"}) {
    EXPECT_EQ(router.match("GET", path).route, nullptr) << path;
    EXPECT_THAT(router.match("GET", path).allowed, IsEmpty()) << path;
  }
}

TEST(Router, HasEveryRouteDescribedAndOnce) {
  std::vector<std::string> seen;
  for (const RouteInfo& route : server_routes()) {
    EXPECT_FALSE(route.description.empty()) << route.path;
    const std::string name = route.method + " " + route.path;
    EXPECT_THAT(seen, testing::Not(testing::Contains(name)));
    seen.push_back(name);
    // What changes or shows the server's inside must not be open to everybody.
    if (route.path.starts_with("/v1/admin")) {
      EXPECT_EQ(route.access, "admin") << route.path;
    } else {
      const bool open =
          route.path == "/livez" || route.path == "/readyz" || route.path == "/health";
      EXPECT_EQ(route.access, open ? "open" : "key") << route.path;
    }
  }
  EXPECT_GE(seen.size(), 12u);
}

}  // namespace
}  // namespace saccade::server
