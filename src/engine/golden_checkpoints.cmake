# golden_checkpoints.inc: which checkpoints of which families the tests compare, for `saccade families`.
file(GLOB configs RELATIVE ${PROJECT_SOURCE_DIR}/tests/goldens CONFIGURE_DEPENDS
     ${PROJECT_SOURCE_DIR}/tests/goldens/*/*/cases.json)
list(SORT configs)
set(entries "")
foreach(config IN LISTS configs)
  string(REGEX MATCH "^([^/]+)/([^/]+)/" parts ${config})
  string(APPEND entries "    {\"${CMAKE_MATCH_1}\", \"${CMAKE_MATCH_2}\"},\n")
endforeach()
file(GENERATE OUTPUT ${CMAKE_CURRENT_BINARY_DIR}/generated/golden_checkpoints.inc CONTENT "${entries}")
target_include_directories(saccade_engine PRIVATE ${CMAKE_CURRENT_BINARY_DIR}/generated)
