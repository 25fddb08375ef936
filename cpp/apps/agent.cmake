# consent-agent: one static program for Linux guests, that needs nothing of the guest's own libraries.
if(NOT CONSENT_AGENT)
  return()
endif()
find_package(Boost 1.74 REQUIRED COMPONENTS program_options)
find_package(nlohmann_json 3.11 REQUIRED)

add_executable(consent-agent
  consent_agent/agent.cpp consent_agent/channel.cpp consent_agent/command.cpp consent_agent/descriptor.cpp
  consent_agent/journal.cpp consent_agent/main.cpp consent_agent/rules.cpp)
target_compile_definitions(consent-agent PRIVATE CONSENT_VERSION="${PROJECT_VERSION}")
target_link_libraries(consent-agent PRIVATE consent_base consent_protocol consent_policy consent_rules Boost::program_options
                                            nlohmann_json::nlohmann_json)
if(NOT CONSENT_SANITIZE)  # whose runtimes do not link statically: that one is for tests, not for guests
  set_target_properties(consent-agent PROPERTIES CONSENT_STATIC ON POSITION_INDEPENDENT_CODE OFF)
  # Not position independent: no relocated, hence no anonymous, pages. Its memory is bounded by a test.
  target_link_options(consent-agent PRIVATE -static -no-pie -Wl,--gc-sections -Wl,-z,norelro)
endif()
install(TARGETS consent-agent RUNTIME DESTINATION bin)
