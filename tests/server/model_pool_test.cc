// The pool of models with models that are none: who is loaded when, who has to go, who waits.
#include "server/model_pool.h"

#include <gmock/gmock.h>

#include <future>
#include <random>

#include "base/error.h"
#include "patience.h"

namespace saccade::server {
namespace {

using std::chrono::milliseconds;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::chrono::seconds kPatience = patience(std::chrono::seconds(20));
// Long enough to see that something does not happen.
constexpr milliseconds kMoment{60};

/// What the tests' models do, and what became of them.
class Stage {
 public:
  void note(const std::string& event) {
    {
      const std::lock_guard lock(mutex_);
      events_.push_back(event);
    }
    changed_.notify_all();
  }
  std::vector<std::string> events() const {
    const std::lock_guard lock(mutex_);
    return events_;
  }
  bool wait_for(const std::string& event) {
    std::unique_lock lock(mutex_);
    return changed_.wait_for(lock, kPatience,
                             [&] { return std::ranges::find(events_, event) != events_.end(); });
  }

  std::atomic<bool> loading_waits = false;  // until it is false again, or loading is ended
  std::atomic<bool> loading_fails = false;
  std::atomic<std::int64_t> bytes = 0;  // of all models that there are
  std::atomic<std::int64_t> most_bytes = 0;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::vector<std::string> events_;
};

class FakeModel : public HostedModel {
 public:
  FakeModel(Stage& stage, std::size_t number, std::int64_t bytes)
      : stage_(stage), number_(number), bytes_(bytes) {
    const std::int64_t now = stage_.bytes += bytes_;
    std::int64_t most = stage_.most_bytes;
    while (now > most && !stage_.most_bytes.compare_exchange_weak(most, now)) {
    }
    stage_.note(fmt::format("load {}", number_));
  }
  ~FakeModel() override {
    EXPECT_EQ(users, 0);
    stage_.bytes -= bytes_;
    stage_.note(fmt::format("unload {}", number_));
  }
  void drain(std::int64_t) override { stage_.note(fmt::format("drain {}", number_)); }
  std::size_t number() const { return number_; }

  std::atomic<int> users = 0;

 private:
  Stage& stage_;
  const std::size_t number_;
  const std::int64_t bytes_;
};

/// A request and what it was told.
class Asked : public ModelRequest {
 public:
  explicit Asked(std::function<void()> on_granted = [] {}) : on_granted_(std::move(on_granted)) {}
  void granted(ModelUse model) override {
    on_granted_();
    answer_.set_value(std::move(model));
  }
  void refused(const ApiError& error) override {
    answer_.set_exception(std::make_exception_ptr(error));
  }

  /// The model. Throws ApiError.
  ModelUse get() {
    if (future_.wait_for(kPatience) != std::future_status::ready) {
      throw std::runtime_error("nothing was told");
    }
    return future_.get();
  }
  bool waits() { return future_.wait_for(kMoment) != std::future_status::ready; }

 private:
  const std::function<void()> on_granted_;
  std::promise<ModelUse> answer_;
  std::future<ModelUse> future_ = answer_.get_future();
};

class Pool : public testing::Test {
 protected:
  /// Models of so many bytes; those that are not negative are loaded at the start.
  void start(const std::vector<std::int64_t>& sizes, const PoolOptions& options = {}) {
    std::vector<PooledModel> models;
    for (const std::int64_t size : sizes) {
      models.push_back({fmt::format("m{}", models.size()), std::abs(size), size >= 0});
    }
    PoolCalls calls;
    calls.load = [this, models](std::size_t number, const std::function<void(double)>& progress) {
      while (stage_.loading_waits) {
        progress(0.5);
        std::this_thread::sleep_for(milliseconds(1));
      }
      if (stage_.loading_fails) fail("the file is torn");
      return std::make_unique<FakeModel>(stage_, number, models[number].bytes);
    };
    pool_ = std::make_unique<ModelPool>(models, options, calls);
  }
  std::shared_ptr<Asked> ask(std::size_t model, bool retry = false) {
    auto asked = std::make_shared<Asked>();
    pool_->ask(model, asked, retry);
    return asked;
  }
  static std::string refusal_of(const std::function<void()>& act) {
    try {
      act();
    } catch (const ApiError& error) {
      return fmt::format("{} {}", error.status(), error.what());
    }
    return "none";
  }
  bool wait_for_state(std::size_t model, ModelState state) {
    return eventually([&] { return pool_->status(model).state == state; });
  }

  Stage stage_;
  std::unique_ptr<ModelPool> pool_;
};

TEST_F(Pool, LoadsWhatFitsAtTheStartInOrder) {
  start({1, -1, 1});
  ASSERT_TRUE(stage_.wait_for("load 2"));
  EXPECT_THAT(stage_.events(), ElementsAre("load 0", "load 2"));
  EXPECT_EQ(pool_->status(1).state, ModelState::kUnloaded);
}

TEST_F(Pool, LoadsOnceForManyRequests) {
  start({-1});
  stage_.loading_waits = true;
  std::vector<std::shared_ptr<Asked>> asked;
  for (int i = 0; i < 8; ++i) asked.push_back(ask(0));
  EXPECT_TRUE(wait_for_state(0, ModelState::kLoading));
  EXPECT_EQ(pool_->status(0).waiting, 8);
  stage_.loading_waits = false;
  for (const auto& request : asked) EXPECT_NE(request->get(), nullptr);
  EXPECT_THAT(stage_.events(), ElementsAre("load 0"));
}

TEST_F(Pool, ServesWhoWaitsInTheOrderOfTheirComing) {
  start({-1});
  stage_.loading_waits = true;
  std::mutex mutex;
  std::vector<int> order;
  std::vector<std::shared_ptr<Asked>> asked;
  for (int i = 0; i < 5; ++i) {
    asked.push_back(std::make_shared<Asked>([&, i] {
      const std::lock_guard lock(mutex);
      order.push_back(i);
    }));
    pool_->ask(0, asked.back());
  }
  stage_.loading_waits = false;
  for (const auto& request : asked) request->get();
  EXPECT_THAT(order, ElementsAre(0, 1, 2, 3, 4));
}

TEST_F(Pool, UnloadsTheLeastRecentlyUsed) {
  start({1, 1, -1, -2}, {.budget_bytes = 2});
  ask(1)->get();
  ask(0)->get();
  ask(2)->get();
  EXPECT_THAT(stage_.events(), ElementsAre("load 0", "load 1", "unload 1", "load 2"));
  ask(3)->get();  // needs all of it
  EXPECT_THAT(stage_.events(), ElementsAre("load 0", "load 1", "unload 1", "load 2", "unload 0",
                                           "unload 2", "load 3"));
}

TEST_F(Pool, NeverUnloadsWhatIsUsed) {
  start({1, 1, -2}, {.budget_bytes = 2});
  ModelUse used = ask(0)->get();
  ask(1)->get();
  const auto asked = ask(2);
  EXPECT_TRUE(asked->waits());
  // Nor does one go for nothing as long as the other one cannot.
  EXPECT_THAT(stage_.events(), ElementsAre("load 0", "load 1"));
  used.reset();
  EXPECT_NE(asked->get(), nullptr);
  EXPECT_THAT(stage_.events(), ElementsAre("load 0", "load 1", "unload 1", "unload 0", "load 2"));
}

TEST_F(Pool, HasBusyModelsYieldToWhoWaitsTooLong) {
  start({1, -1}, {.budget_bytes = 1, .yield_after = milliseconds(30)});
  ModelUse used = ask(0)->get();
  const auto other = ask(1);
  EXPECT_TRUE(other->waits());
  const auto behind = ask(0);  // loaded, but somebody has waited for its place
  EXPECT_TRUE(behind->waits());
  used.reset();
  ModelUse its_turn = other->get();
  EXPECT_TRUE(behind->waits());
  its_turn.reset();
  EXPECT_NE(behind->get(), nullptr);
  EXPECT_THAT(stage_.events(), ElementsAre("load 0", "unload 0", "load 1", "unload 1", "load 0"));
}

TEST_F(Pool, TellsWhyAModelCannotBeLoaded) {
  start({-1});
  stage_.loading_fails = true;
  const auto asked = ask(0);
  EXPECT_THAT(refusal_of([&] { asked->get(); }), HasSubstr("503 the model could not be loaded"));
  EXPECT_EQ(pool_->status(0).state, ModelState::kFailed);
  EXPECT_EQ(pool_->status(0).reason, "the file is torn");
  EXPECT_THAT(refusal_of([&] { ask(0); }), HasSubstr("the file is torn"));
  stage_.loading_fails = false;
  EXPECT_THAT(refusal_of([&] { ask(0); }), HasSubstr("the file is torn"));
  EXPECT_NE(ask(0, true)->get(), nullptr);
}

TEST_F(Pool, LetsNobodyWaitForever) {
  start({-1}, {.wait_limit = milliseconds(30)});
  stage_.loading_waits = true;
  const auto asked = ask(0);
  EXPECT_THAT(refusal_of([&] { asked->get(); }), HasSubstr("503 the model is being loaded (50 %)"));
  stage_.loading_waits = false;
  EXPECT_TRUE(wait_for_state(0, ModelState::kLoaded));
  EXPECT_NE(ask(0)->get(), nullptr);
}

TEST_F(Pool, LetsNoMoreWaitThanItShould) {
  start({-1, -1}, {.max_waiting = 2});
  stage_.loading_waits = true;
  const auto first = ask(0), second = ask(1);
  EXPECT_THAT(refusal_of([&] { ask(1); }), HasSubstr("429 2 requests wait"));
  stage_.loading_waits = false;
  first->get();
  second->get();
}

TEST_F(Pool, LoadsNothingForWhoHasLeft) {
  start({1, -1}, {.budget_bytes = 1});
  ModelUse used = ask(0)->get();
  const auto asked = ask(1);
  pool_->drop(asked.get());
  EXPECT_EQ(pool_->status(1).state, ModelState::kUnloaded);
  used.reset();
  EXPECT_TRUE(asked->waits());
  EXPECT_THAT(stage_.events(), ElementsAre("load 0"));
}

TEST_F(Pool, UnloadsWhenItIsTold) {
  start({1, -1});
  ModelUse used = ask(0)->get();
  EXPECT_THAT(refusal_of([&] { pool_->unload(0); }), HasSubstr("409 m0 answers 1 requests"));
  used.reset();
  pool_->unload(0);
  EXPECT_EQ(pool_->status(0).state, ModelState::kUnloaded);
  pool_->unload(0);
  stage_.loading_waits = true;
  const auto asked = ask(1);
  EXPECT_THAT(refusal_of([&] { pool_->unload(1); }), HasSubstr("409 m1 is being loaded"));
  stage_.loading_waits = false;
  asked->get();
  EXPECT_THAT(stage_.events(), ElementsAre("load 0", "unload 0", "load 1"));
}

TEST_F(Pool, IsObservedWithoutBeingUsed) {
  start({1});
  ask(0)->get();
  PooledStatus status = pool_->status(0);
  ASSERT_NE(status.model, nullptr);
  auto unloading = std::async(std::launch::async, [&] { pool_->unload(0); });
  EXPECT_EQ(unloading.wait_for(kMoment), std::future_status::timeout);
  EXPECT_EQ(static_cast<FakeModel&>(*status.model).number(), 0u);  // it is still there
  status.model.reset();
  unloading.get();
  EXPECT_EQ(pool_->status(0).model, nullptr);
}

TEST_F(Pool, DrainsWhileItLoads) {
  start({1, -1});
  ask(0)->get();
  stage_.loading_waits = true;
  const auto asked = ask(1);
  EXPECT_TRUE(wait_for_state(1, ModelState::kLoading));
  pool_->drain(1000);
  EXPECT_THAT(refusal_of([&] { asked->get(); }), HasSubstr("503 the server is stopping"));
  EXPECT_THAT(refusal_of([&] { ask(0); }), HasSubstr("503 the server is stopping"));
  EXPECT_TRUE(wait_for_state(1, ModelState::kUnloaded));
  EXPECT_THAT(stage_.events(), ElementsAre("load 0", "drain 0"));
}

TEST_F(Pool, RefusesWhoWaitsWhenItEnds) {
  start({-1});
  stage_.loading_waits = true;
  const auto asked = ask(0);
  pool_.reset();
  EXPECT_THAT(refusal_of([&] { asked->get(); }), HasSubstr("503 the server is stopping"));
}

/// Many threads, more models than fit: everybody is served, and never is there more than may be.
TEST_F(Pool, KeepsToItsBudgetWhateverIsAsked) {
  constexpr int kThreads = 4, kRequests = 150;
  start({1, 2, -3, -2, -1}, {.budget_bytes = 4, .yield_after = milliseconds(2)});
  std::atomic<int> served = 0;
  {
    std::vector<std::jthread> threads;
    for (int thread = 0; thread < kThreads; ++thread) {
      threads.emplace_back([&, thread] {
        std::mt19937 random(static_cast<unsigned>(thread));
        for (int i = 0; i < kRequests; ++i) {
          const std::size_t number = random() % 5;
          const auto asked = ask(number);
          const ModelUse use = asked->get();
          auto& model = static_cast<FakeModel&>(*use);
          EXPECT_EQ(model.number(), number);
          ++model.users;
          if (random() % 4 == 0) std::this_thread::sleep_for(milliseconds(random() % 3));
          --model.users;
          ++served;
        }
      });
    }
  }
  EXPECT_EQ(served, kThreads * kRequests);
  EXPECT_LE(stage_.most_bytes, 4);
  EXPECT_GT(stage_.events().size(), 10u);
}

}  // namespace
}  // namespace saccade::server
