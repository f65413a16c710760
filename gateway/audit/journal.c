/* systemd's journal: its native protocol is documented at systemd.io/JOURNAL_NATIVE_PROTOCOL. One datagram an event;
 * what is too large for one goes as a sealed memory file. */
#include "audit/internal.h"

#include "base/buffer.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

/* A value with a line break would end the field: such a one goes with its length in front. */
static void put(struct buffer *out, const char *name, const char *value) {
    size_t len = strlen(value);
    if (strchr(value, '\n') == NULL) {
        buffer_printf(out, "%s=%s\n", name, value);
        return;
    }
    buffer_printf(out, "%s\n", name);
    for (int i = 0; i < 8; i++)
        buffer_add_byte(out, (uint8_t)((uint64_t)len >> (8 * i)));
    buffer_printf(out, "%s\n", value);
}

static struct view entry(struct arena *arena, const struct event *event) {
    struct buffer out = buffer_on(arena);
    put(&out, "MESSAGE", audit_line(arena, event));
    put(&out, "PRIORITY", strcmp(event->outcome, "success") == 0 ? "5" : "4");
    put(&out, "SYSLOG_IDENTIFIER", "gatehouse");
    put(&out, "SYSLOG_FACILITY", "13");
    put(&out, "GATEHOUSE_CODE", event->code);
    put(&out, "GATEHOUSE_OUTCOME", event->outcome);
    put(&out, "GATEHOUSE_ACTOR", event->actor);
    put(&out, "GATEHOUSE_ADDRESS", event->address);
    put(&out, "GATEHOUSE_OBJECT", event->object);
    put(&out, "GATEHOUSE_REQUEST", event->request_id);
    return view_of(out.at, out.len);
}

static bool send_file(int fd, const struct sockaddr_un *to, struct view message) {
    union {
        char bytes[CMSG_SPACE(sizeof(int))];
        struct cmsghdr align;
    } control = {0};
    struct msghdr header = {.msg_name = (void *)(uintptr_t)to,
                            .msg_namelen = sizeof *to,
                            .msg_control = control.bytes,
                            .msg_controllen = sizeof control.bytes};
    struct cmsghdr *part = CMSG_FIRSTHDR(&header);
    int file = memfd_create("gatehouse-event", MFD_CLOEXEC | MFD_ALLOW_SEALING);
    if (file < 0)
        return false;
    part->cmsg_level = SOL_SOCKET;
    part->cmsg_type = SCM_RIGHTS;
    part->cmsg_len = CMSG_LEN(sizeof(int));
    memcpy(CMSG_DATA(part), &file, sizeof file);
    bool sent = write(file, message.at, message.len) == (ssize_t)message.len &&
                fcntl(file, F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_WRITE | F_SEAL_SEAL) == 0 &&
                sendmsg(fd, &header, MSG_NOSIGNAL) >= 0;
    close(file);
    return sent;
}

static bool send_one(int fd, const struct sockaddr_un *to, struct view message) {
    if (sendto(fd, message.at, message.len, MSG_NOSIGNAL, (const struct sockaddr *)to, sizeof *to) >= 0)
        return true;
    return (errno == EMSGSIZE || errno == ENOBUFS) && send_file(fd, to, message);
}

bool journal_deliver(struct arena *arena, const char *path, const struct event *events, size_t count,
                     struct error *err) {
    struct sockaddr_un to = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof to.sun_path)
        return fail_internal(err, "journal: the path is too long");
    memcpy(to.sun_path, path, strlen(path));
    int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return fail(err, ERROR_UNAVAILABLE, "delivery-failed", "A socket cannot be had: %s.", strerror(errno));
    bool sent = true;
    for (size_t i = 0; sent && i < count; i++)
        sent = send_one(fd, &to, entry(arena, &events[i]));
    int why = errno;
    close(fd);
    return sent || fail(err, ERROR_UNAVAILABLE, "delivery-failed", "The journal at %s takes no events: %s.", path,
                        strerror(why));
}
