# consentctl: its program, and what `consentctl policy` does, a library that the tests link too. Needs nothing of libvirt.
if(CONSENT_FUZZ)
  return()  # no fuzz target needs it
endif()
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(nlohmann_json 3.9 REQUIRED)

# The page that shows a matrix is an HTML file, carried in the program as text.
set(page ${CMAKE_CURRENT_SOURCE_DIR}/consentctl/policy/page.html)
set_property(DIRECTORY APPEND PROPERTY CMAKE_CONFIGURE_DEPENDS ${page})
file(READ ${page} CONSENT_PAGE)
configure_file(consentctl/policy/page_html.cpp.in consentctl_policy/page_html.cpp @ONLY)

set(parts check document examples explain facts given grid inventory judge matrix options page policy records reference
          schema simulate simulation standing test text warnings)
list(TRANSFORM parts REPLACE "(.+)" "consentctl/policy/\\1.cpp")
add_library(consentctl_policy STATIC ${parts} ${CMAKE_CURRENT_BINARY_DIR}/consentctl_policy/page_html.cpp)
target_include_directories(consentctl_policy PRIVATE ${CMAKE_CURRENT_SOURCE_DIR})
target_link_libraries(consentctl_policy PUBLIC consent_policy consent_rules consent_digest consent_protocol
                                        PRIVATE Boost::program_options nlohmann_json::nlohmann_json)

add_executable(consentctl consentctl/main.cpp consentctl/ask.cpp consentctl/report.cpp)
target_compile_definitions(consentctl PRIVATE CONSENT_VERSION="${PROJECT_VERSION}")
target_link_libraries(consentctl PRIVATE consentctl_policy consent_runner consent_worker_client consent_protocol
                                         Boost::program_options nlohmann_json::nlohmann_json)
install(TARGETS consentctl RUNTIME DESTINATION bin)
