// consent-worker: asks guests for whoever started it. Orders on standard input, reports on standard output, one JSON line
// each (worker_lines.hpp); its log on standard error. Ends when standard input does.
//
// Joins the loop, the threads and the rounds; must not know what any of them does.
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <unistd.h>

#include <array>
#include <boost/program_options.hpp>
#include <cerrno>
#include <cstdlib>
#include <exception>
#include <iostream>
#include <string>
#include <vector>

#include "confine.hpp"
#include "consent/wire.hpp"
#include "inquiries.hpp"
#include "log.hpp"

namespace {

namespace lines = consent::worker_lines;
namespace options = boost::program_options;

constexpr std::size_t threads = 8;              ///< three more than libvirtd serves at once, see BlockingCalls
constexpr consent::milliseconds farewell{200};  ///< for streams to be closed in order before the process ends

/// Writes all of it. Blocks when the reader is slow: that is the reader's own loss, and bounds what is kept here.
void write_all(int fd, std::string_view text) {
    while (!text.empty()) {
        const auto put = ::write(fd, text.data(), text.size());
        if (put < 0 && errno == EINTR) continue;
        if (put <= 0) std::_Exit(EXIT_FAILURE);  // nobody reads any more
        text.remove_prefix(static_cast<std::size_t>(put));
    }
}

/// Standard input, an order a line.
class Orders {
  public:
    Orders(consent::EventLoop& loop, consent::Inquiries& inquiries) : loop_(loop), inquiries_(inquiries) {
        loop.watch(STDIN_FILENO, [this] { read(); });
    }

  private:
    void read() {
        if (ended_) return;
        std::array<char, 65536> buffer;  // NOLINT(cppcoreguidelines-pro-type-member-init): filled by read
        const auto got = ::read(STDIN_FILENO, buffer.data(), buffer.size());
        if (got < 0 && (errno == EAGAIN || errno == EINTR)) return;
        std::vector<std::string> complete;
        if (got <= 0 || !cutter_.feed({buffer.data(), static_cast<std::size_t>(got)}, complete)) return finish();
        for (const std::string& line : complete) {
            const auto order = lines::read_order(line);
            if (const auto* broken = std::get_if<lines::Broken>(&order)) {
                consent::log().error("an order that is none: {}", broken->why);
                return finish();
            }
            inquiries_.obey(std::get<lines::Order>(order));
        }
    }

    void finish() {
        ended_ = true;
        inquiries_.close();
        loop_.after(farewell, [this] { loop_.stop(); });
    }

    consent::EventLoop& loop_;
    consent::Inquiries& inquiries_;
    lines::LineCutter cutter_;
    bool ended_ = false;
};

int serve(const std::string& uri, const std::string& notes_folder) {
    const auto say = [](const lines::Report& report) { write_all(STDOUT_FILENO, lines::write(report)); };
    consent::EventLoop loop;
    consent::BlockingCalls calls(loop, threads);
    const consent::HolderNotes notes(notes_folder, consent::HolderNotes::parent_process());
    consent::Inquiries inquiries(loop, calls, uri, notes, say);
    Orders orders(loop, inquiries);
    say(lines::Ready{lines::version, static_cast<int>(::getpid())});
    loop.run();
    // A call that libvirtd leaves unanswered would keep a thread, and so the process, for as long.
    if (!calls.idle()) std::_Exit(EXIT_SUCCESS);
    return EXIT_SUCCESS;
}

}  // namespace

int main(int argc, char** argv) try {
    std::string uri;
    std::string notes;
    options::options_description known("Options");
    known.add_options()("uri", options::value(&uri)->default_value("qemu:///system")->value_name("URI"),
                        "libvirt to connect to")(
        "notes", options::value(&notes)->default_value("/run/lock/consent")->value_name("DIR"),
        "folder of the notes that name who holds a guest's channel")("help", "this text")("version",
                                                                                          "version and exit");
    options::variables_map given;
    options::store(options::parse_command_line(argc, argv, known), given);
    options::notify(given);
    if (given.count("help") != 0) {
        std::cout << "consent-worker asks guests for consent on behalf of nova-compute or consentctl, which start it.\n"
                     "It reads orders from standard input and reports to standard output, one JSON line each.\n"
                     "To ask guests by hand use consentctl.\n"
                     "CONSENT_WORKER_LOG in the environment: what it logs to standard error; debug, info (default),\n"
                     "warning, error or off.\n\n"
                  << known;
        return EXIT_SUCCESS;
    }
    if (given.count("version") != 0) {
        std::cout << "consent-worker " CONSENT_VERSION "\n";
        return EXIT_SUCCESS;
    }
    ::signal(SIGPIPE, SIG_IGN);  // NOLINT(cert-err33-c)
    spdlog::set_default_logger(spdlog::stderr_logger_mt("consent-worker"));
    if (const char* level = std::getenv("CONSENT_WORKER_LOG"); level != nullptr)  // NOLINT(concurrency-mt-unsafe)
        spdlog::set_level(spdlog::level::from_str(level));
    spdlog::set_pattern("%Y-%m-%d %H:%M:%S.%e %n[%P] %l: %v");
    consent::confine();
    return serve(uri, notes);
} catch (const options::error& error) {
    std::cerr << "consent-worker: " << error.what() << "; see --help\n";
    return 2;
} catch (const std::exception& error) {
    std::cerr << "consent-worker: " << error.what() << '\n';
    return EXIT_FAILURE;
}
