// A guest's program that holds the consent channel and means ill: one mode a way to break the protocol.
//
//   hostile CHANNEL MODE [ARG]
//
// Built static, run in the lab's guests alone. Knows of the protocol only what it abuses: a request is a line with an
// "id". Prints "request ID" for each request, so that the serial log tells who was asked.
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

enum { id_length = 32, chunk_bytes = 32 * 1024 };

static int channel;
static char first_id[id_length + 1];  // of the first request ever seen: what reused-id answers with

static void pause_ms(long ms) {
    const struct timespec wait = {ms / 1000, ms % 1000 * 1000000L};
    nanosleep(&wait, NULL);
}

// Waits until the host has the channel open: until then the port hangs up on every poll.
static void await_host(void) {
    for (;;) {
        struct pollfd port = {channel, POLLIN | POLLOUT, 0};
        poll(&port, 1, -1);
        if (!(port.revents & POLLHUP)) return;
        pause_ms(5);
    }
}

// Writes all of it, however often the host goes and comes.
static void say(const char* bytes, size_t size) {
    while (size > 0) {
        const ssize_t written = write(channel, bytes, size);
        if (written > 0) {
            bytes += written;
            size -= (size_t)written;
        } else {
            await_host();
        }
    }
}

static void answer(const char* version, const char* id, const char* word) {
    char line[512];
    const int size = snprintf(line, sizeof line, "{\"v\":%s,\"type\":\"answer\",\"id\":\"%s\",\"answer\":\"%s\"}\n",
                              version, id, word);
    say(line, (size_t)size);
}

// The next request's id; lines of other types are passed over. `extra`, when not negative, is a second source of lines,
// which are written to the channel as they are.
static void next_request(char id[id_length + 1], int extra) {
    static char buffer[256 * 1024];
    static size_t used;
    for (;;) {
        char* end;
        while ((end = memchr(buffer, '\n', used)) != NULL) {
            *end = '\0';
            const char* at = strstr(buffer, "\"id\":\"");
            const int is_request = strstr(buffer, "\"request\"") != NULL && at != NULL && strlen(at) >= 6 + id_length;
            if (is_request) {
                memcpy(id, at + 6, id_length);
                id[id_length] = '\0';
            }
            const size_t line = (size_t)(end - buffer) + 1;
            memmove(buffer, end + 1, used - line);
            used -= line;
            if (is_request) {
                printf("request %s\n", id);
                if (first_id[0] == '\0') strcpy(first_id, id);
                return;
            }
        }
        struct pollfd sources[2] = {{channel, POLLIN, 0}, {extra, POLLIN, 0}};
        poll(sources, 2, -1);
        if (extra >= 0 && (sources[1].revents & POLLIN)) {
            char text[4096];
            const ssize_t size = read(extra, text, sizeof text);
            if (size > 0) say(text, (size_t)size);
        }
        const ssize_t size = read(channel, buffer + used, sizeof buffer - 1 - used);
        if (size > 0)
            used += (size_t)size;
        else if (!(sources[1].revents & POLLIN))
            pause_ms(5);  // the host has not opened, or has closed, the channel
        if (used >= sizeof buffer - 1) used = 0;
    }
}

static void fill(char* bytes, size_t size) {
    for (size_t i = 0; i < size; ++i) bytes[i] = (char)(rand() & 0xff);
}

int main(int argc, char** argv) {
    if (argc < 3) return 2;
    const char* mode = argv[2];
    const char* argument = argc > 3 ? argv[3] : "";
    setvbuf(stdout, NULL, _IOLBF, 0);
    // Opened anew until it works: the holder before us may still be letting go of it.
    while ((channel = open(argv[1], O_RDWR | O_NONBLOCK)) < 0) {
        if (errno != EBUSY && errno != ENXIO) return perror(argv[1]), 1;
        pause_ms(5);
    }
    fcntl(channel, F_SETFL, O_RDWR);  // writes wait for room; reads are made after a poll
    printf("hostile %s\n", mode);
    char id[id_length + 1] = "";
    static char chunk[chunk_bytes];

    if (strcmp(mode, "dies") == 0) {  // gone as soon as the host opens the channel
        await_host();
        return 0;
    }
    if (strcmp(mode, "eager") == 0) {  // consents to what nobody asked, and then some
        await_host();
        for (int i = 0; i < 50; ++i) {
            char made_up[id_length + 1];
            for (int d = 0; d < id_length; ++d) made_up[d] = "0123456789abcdef"[rand() & 15];
            made_up[id_length] = '\0';
            answer("1", made_up, "consent");
        }
    }
    const int relay = strcmp(mode, "relay") == 0 ? open("/run/say", O_RDWR | O_NONBLOCK) : -1;
    for (;;) {
        next_request(id, relay);
        if (strcmp(mode, "silent") == 0 || relay >= 0) continue;
        if (strcmp(mode, "dies-asked") == 0) return 0;
        if (strcmp(mode, "consent") == 0) {
            answer("1", id, "consent");
        } else if (strcmp(mode, "late") == 0) {  // ARG: milliseconds
            pause_ms(atol(argument));
            answer("1", id, "consent");
        } else if (strcmp(mode, "drip") == 0) {  // a true consent, a byte a second
            char line[256];
            const int size =
                snprintf(line, sizeof line, "{\"v\":1,\"type\":\"answer\",\"id\":\"%s\",\"answer\":\"consent\"}\n", id);
            for (int i = 0; i < size; ++i) {
                say(line + i, 1);
                pause_ms(1000);
            }
        } else if (strcmp(mode, "flood") ==
                   0) {  // well-formed lines without end, none of them an answer to this request
            for (int i = 0;; ++i) {
                char line[256];
                const int size = snprintf(line, sizeof line,
                                          "{\"v\":1,\"type\":\"answer\",\"id\":\"%032x\",\"answer\":\"consent\"}\n", i);
                say(line, (size_t)size);
            }
        } else if (strcmp(mode, "endless") == 0) {  // 1 GiB and not one newline
            memset(chunk, 'a', sizeof chunk);
            for (long sent = 0; sent < 1L << 30; sent += chunk_bytes) say(chunk, sizeof chunk);
        } else if (strcmp(mode, "garbage") == 0) {
            fill(chunk, 8192);
            chunk[8191] = '\n';
            say(chunk, 8192);
        } else if (strcmp(mode, "wrong-id") == 0) {
            answer("1", "00000000000000000000000000000000", "consent");
        } else if (strcmp(mode, "reused-id") ==
                   0) {  // the first request is answered in earnest, all others with its id
            answer("1", first_id, "consent");
        } else if (strcmp(mode, "deep") == 0) {  // the consent lies beside 10,000 open brackets
            static char line[24000];
            int size = snprintf(line, sizeof line,
                                "{\"v\":1,\"type\":\"answer\",\"id\":\"%s\",\"answer\":\"consent\",\"x\":", id);
            memset(line + size, '[', 10000);
            memset(line + size + 10000, ']', 10000);
            memcpy(line + size + 20000, "}\n", 2);
            say(line, (size_t)size + 20002);
        } else if (strcmp(mode, "invalid-utf8") == 0) {
            char line[256];
            const int size = snprintf(
                line, sizeof line,
                "{\"v\":1,\"type\":\"answer\",\"id\":\"%s\",\"answer\":\"consent\",\"because\":\"\xff\xc0\x80\"}\n",
                id);
            say(line, (size_t)size);
        } else if (strcmp(mode, "unknown-version") == 0) {
            answer("99", id, "consent");
        } else if (strcmp(mode, "unknown-answer") == 0) {
            answer("1", id, "maybe");
        } else if (strcmp(mode, "eager") == 0) {
            for (int i = 0; i < 3; ++i) answer("1", id, "consent");
        } else {
            fprintf(stderr, "hostile: no mode %s\n", mode);
            return 2;
        }
    }
}
