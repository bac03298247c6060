# saccade_library(<folder> SOURCES ... [DEPENDS ...] [PRIVATE ...])
#
# One folder under src/ is one static library, saccade_<folder>. It sees the headers of its own folder and
# of the folders it DEPENDS on, and of no other: an include that points up the house does not compile.
# DEPENDS names folders of ours or imported targets that appear in public headers, PRIVATE what only the sources use.
function(saccade_library folder)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;PRIVATE" ${ARGN})
  set(target saccade_${folder})
  add_library(${target} STATIC ${ARG_SOURCES})
  # Headers are included as "folder/name.h" from a tree of links that holds just this folder.
  set(view ${PROJECT_BINARY_DIR}/include/${folder})
  file(MAKE_DIRECTORY ${view})
  file(CREATE_LINK ${CMAKE_CURRENT_SOURCE_DIR} ${view}/${folder} SYMBOLIC)
  target_include_directories(${target} PUBLIC ${view})
  target_link_libraries(${target} PUBLIC ${ARG_DEPENDS} PRIVATE ${ARG_PRIVATE})
endfunction()

# How many times as long as at full speed tests may take in this build: tests/patience.h, and CTest's limit.
set(SACCADE_TEST_SLOWDOWN 1)
if(SACCADE_SANITIZE MATCHES thread)
  set(SACCADE_TEST_SLOWDOWN 10)
elseif(SACCADE_SANITIZE)
  set(SACCADE_TEST_SLOWDOWN 3)
endif()

# saccade_test(<name> SOURCES ... DEPENDS ... [LABELS ...]): one GoogleTest binary, one CTest entry for each test
# case in it.
function(saccade_test name)
  cmake_parse_arguments(ARG "" "" "SOURCES;DEPENDS;LABELS" ${ARGN})
  add_executable(${name} ${ARG_SOURCES})
  target_link_libraries(${name} PRIVATE ${ARG_DEPENDS} GTest::gmock GTest::gtest_main)
  target_compile_definitions(
    ${name} PRIVATE SACCADE_SOURCE_DIR="${PROJECT_SOURCE_DIR}")
  if(SACCADE_SANITIZE)
    target_compile_definitions(${name} PRIVATE SACCADE_TEST_SLOWDOWN=${SACCADE_TEST_SLOWDOWN})
  endif()
  set_target_properties(${name} PROPERTIES RUNTIME_OUTPUT_DIRECTORY ${PROJECT_BINARY_DIR}/tests)
  # What is said of the processor is tested on it, also where a GPU would be taken by itself.
  set(environment "")
  if(NOT "gpu" IN_LIST ARG_LABELS)
    set(environment ENVIRONMENT CUDA_VISIBLE_DEVICES=-1)
  endif()
  math(EXPR timeout "600 * ${SACCADE_TEST_SLOWDOWN}")
  gtest_discover_tests(${name} DISCOVERY_TIMEOUT 60
                       PROPERTIES TIMEOUT ${timeout} LABELS "${ARG_LABELS}" ${environment})
endfunction()
