// Threads of tests.
#pragma once

#include <gtest/gtest.h>

#include <exception>

namespace saccade {

/// Runs the body of a thread: what it throws fails the test, in place of ending the program without
/// a word about which test it was.
template <typename Body>
void guarded(Body body) {
  try {
    body();
  } catch (const std::exception& error) {
    ADD_FAILURE() << error.what();
  }
}

}  // namespace saccade
