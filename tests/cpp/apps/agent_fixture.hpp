// What the tests of consent-agent stand on: the agent as a child, the host's end of its channel, a folder for its files.
//
// Every wait ends: with what was awaited, or with a failed test after `patience`.
#pragma once

#include <signal.h>
#include <sys/types.h>

#include <chrono>
#include <filesystem>
#include <string>
#include <variant>
#include <vector>

#include "consent/wire.hpp"

namespace agent_test {

inline constexpr std::chrono::seconds patience{30};
#if defined(__SANITIZE_ADDRESS__)
inline constexpr long max_anonymous_kb =
    1024 * 1024;  // the sanitizer's own shadow memory; the bound is the plain build's
inline constexpr long max_resident_kb = 1024 * 1024;
#else
inline constexpr long max_anonymous_kb = 1024;
inline constexpr long max_resident_kb = 4096;
#endif

class Folder {
  public:
    Folder();
    ~Folder();
    Folder(const Folder&) = delete;
    Folder& operator=(const Folder&) = delete;
    [[nodiscard]] std::string path() const { return path_.string(); }
    void write(const std::string& name, const std::string& text) const;
    [[nodiscard]] std::string read(const std::string& name) const;
    /// A file's text, once there is a line in it.
    [[nodiscard]] std::string await(const std::string& name) const;
    void remove(const std::string& name) const { std::filesystem::remove(path_ / name); }

  private:
    std::filesystem::path path_;
};

/// A child process whose standard error is read; killed and reaped at the end.
class Child {
  public:
    explicit Child(const std::vector<std::string>& command);
    ~Child();
    Child(const Child&) = delete;
    Child& operator=(const Child&) = delete;
    [[nodiscard]] pid_t pid() const { return pid_; }
    void signal(int number) const;
    /// Waits until standard error holds `text`, behind what an earlier call found.
    void await_log(const std::string& text);
    /// SIGTERM; the exit status.
    int stop();

  private:
    pid_t pid_ = 0;
    int log_fd_ = -1;
    std::string log_;
    std::size_t seen_ = 0;
};

class Agent : public Child {
  public:
    Agent(const Folder& folder, const std::string& channel);
    /// SIGHUP, and waits until the policy is loaded.
    void reload();
};

/// The host's end of a channel.
class End {
  public:
    virtual ~End();
    End(const End&) = delete;
    End& operator=(const End&) = delete;
    void send(const std::string& bytes) const;
    [[nodiscard]] consent::wire::Reply reply();
    [[nodiscard]] consent::wire::Hello hello();
    /// Nothing has come that was not asked for here: sends a line of an unknown version, which the agent answers after
    /// all that it has to say, and sees that hello come first.
    [[nodiscard]] bool nothing_pending();

  protected:
    End() = default;
    consent::wire::Message next();
    void forget();
    int fd_ = -1;

  private:
    consent::wire::LineReader reader_;
    std::vector<std::variant<std::string, consent::wire::Malformed>> lines_;
    std::size_t taken_ = 0;
};

/// Listens on a Unix socket, which the agent connects to.
class Host : public End {
  public:
    explicit Host(const Folder& folder);
    ~Host() override;
    [[nodiscard]] std::string path() const { return path_; }
    void accept();
    void hang_up();

  private:
    std::string path_;
    int listener_ = -1;
};

/// A pseudo-terminal, the agent's side of which is linked as "port".
class Terminal : public End {
  public:
    explicit Terminal(const Folder& folder);
    ~Terminal() override;
    [[nodiscard]] std::string path() const { return path_; }

  private:
    std::string path_;
    int other_ = -1;  // held so that the terminal stays there while no agent has it open
};

struct Outcome {
    int status = -1;
    std::string output;  ///< standard output and error
};

/// Runs the agent with arguments, separated by blanks, to its end.
[[nodiscard]] Outcome run(const Folder& folder, const std::string& arguments);

/// Waits until there is no process of that number, or it is a zombie that its new parent has yet to reap.
[[nodiscard]] bool gone(pid_t pid);

/// Number of processes whose parent is `pid`.
[[nodiscard]] int children(pid_t pid);

}  // namespace agent_test
