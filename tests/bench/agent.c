/* What an agent costs: signatures by a token at an agent, over loopback with TLS, beside the same signer asked without
 * one; and what protecting one message costs, by the session's key and by public keys.
 *
 *   bench_agent SIGNER MODULE TOKEN-DIRECTORY LABEL=PIN-FILE URI SECONDS */
#include "agent/envelope.h"
#include "agent/relay.h"
#include "agents/hub.h"
#include "base/clock.h"

#include <arpa/inet.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

static struct error err;
static int64_t duration_us;

static void must(bool done) {
    if (done)
        return;
    fprintf(stderr, "bench_agent: %s (%s)\n", err.message, err.detail);
    exit(1);
}

static double cpu_us(void) {
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

/* ---- certificates ---------------------------------------------------------------------------- */

static struct party party_of(EVP_PKEY *key) {
    X509 *certificate = X509_new();
    X509_NAME *name = X509_get_subject_name(certificate);
    must(key != NULL && X509_NAME_add_entry_by_NID(name, NID_commonName, MBSTRING_UTF8,
                                                   (const unsigned char *)"bench", -1, -1, 0) == 1);
    ASN1_INTEGER_set(X509_get_serialNumber(certificate), 1);
    X509_set_issuer_name(certificate, name);
    X509_gmtime_adj(X509_getm_notBefore(certificate), -60);
    X509_gmtime_adj(X509_getm_notAfter(certificate), 3600);
    X509_set_pubkey(certificate, key);
    must(X509_sign(certificate, key, EVP_sha256()) > 0);
    return (struct party){certificate, key};
}

/* ---- both ends of a link --------------------------------------------------------------------- */

struct end {
    int fd;
    struct party party;
    struct session_keys keys;
    struct session *session;
    bool gateway;
    struct relay *relay;
    struct hub *hub;
    atomic_bool joined;
};

static struct session *open_end(struct end *end) {
    struct link *link;
    SSL_CTX *tls = SSL_CTX_new(end->gateway ? TLS_server_method() : TLS_client_method());
    if (end->gateway)
        must(SSL_CTX_use_certificate(tls, end->party.certificate) == 1 &&
             SSL_CTX_use_PrivateKey(tls, end->party.key) == 1);
    SSL *ssl = SSL_new(tls);
    must(end->gateway ? link_accept(end->fd, ssl, 10, &link, &err)
                      : link_connect(end->fd, ssl, "localhost", 10, &link, &err));
    return session_new(link, &end->keys, end->gateway, WIRE_MESSAGE_MAX);
}

static void *agent_main(void *argument) {
    struct end *end = argument;
    struct view message;
    struct error cause;
    struct uplink *uplink = uplink_new(end->relay, open_end(end));
    while (session_receive(uplink_session(uplink), 60000, &message, &cause))
        relay_take(end->relay, uplink, message);
    return NULL;
}

static bool line_send(void *session, struct view message, struct error *cause) {
    return session_send(session, message, cause);
}

static void line_hang_up(void *session, const char *reason) {
    session_close(session, 4000, reason);
}

static void *gateway_main(void *argument) {
    struct end *end = argument;
    struct view message;
    struct hub_agent *agent;
    struct session *session = open_end(end);
    struct hub_line line = {line_send, line_hang_up, session};
    must(hub_join(end->hub, (struct uuid){{1}}, "bench", &line, &agent, &err));
    must(hub_tick(agent, &err));
    while (session_receive(session, 60000, &message, &err)) {
        must(hub_take(agent, message, &err));
        end->joined = true; /* its tokens are known */
    }
    return NULL;
}

static void loopback(int fds[static 2]) {
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    socklen_t len = sizeof address;
    int listener = socket(AF_INET, SOCK_STREAM, 0);
    must(bind(listener, (struct sockaddr *)&address, len) == 0 && listen(listener, 1) == 0 &&
         getsockname(listener, (struct sockaddr *)&address, &len) == 0);
    fds[0] = socket(AF_INET, SOCK_STREAM, 0);
    must(connect(fds[0], (struct sockaddr *)&address, len) == 0);
    fds[1] = accept(listener, NULL, NULL);
}

/* ---- measuring ------------------------------------------------------------------------------- */

struct load {
    struct signer *signer; /* asked itself, or */
    struct hub *hub;
    uint64_t handle;
    atomic_ulong done;
    int64_t until_us;
};

static void sign_once(struct load *load) {
    struct arena *arena = arena_new();
    uint8_t digest[32] = {1};
    struct wire_request request = {.op = WIRE_SIGN,
                                   .sign = {.handle = load->handle,
                                            .scheme = WIRE_ECDSA,
                                            .digest = WIRE_SHA256,
                                            .data = view_of(digest, sizeof digest)}};
    struct wire_response response;
    struct connection *connection;
    if (load->hub != NULL) {
        must(hub_call(load->hub, &request, arena, &response, &err));
    } else {
        must(client_call(load->signer, &request, &connection, &response, &err));
        client_done(load->signer, connection);
    }
    arena_free(arena);
    load->done++;
}

static void *load_main(void *argument) {
    struct load *load = argument;
    while (clock_monotonic_us() < load->until_us)
        sign_once(load);
    return NULL;
}

static double rate(struct load *load, int threads) {
    pthread_t list[64];
    int64_t from_us = clock_monotonic_us();
    load->done = 0;
    load->until_us = from_us + duration_us;
    for (int i = 0; i < threads; i++)
        must(pthread_create(&list[i], NULL, load_main, load) == 0);
    for (int i = 0; i < threads; i++)
        pthread_join(list[i], NULL);
    return (double)load->done * 1e6 / (double)(clock_monotonic_us() - from_us);
}

static uint64_t find(struct load *load, const char *uri) {
    struct arena *arena = arena_new();
    struct wire_request request = {.op = WIRE_FIND, .find.uri = view_text(uri)};
    struct wire_response response;
    struct connection *connection;
    if (load->hub != NULL) {
        must(hub_call(load->hub, &request, arena, &response, &err));
    } else {
        must(client_call(load->signer, &request, &connection, &response, &err));
    }
    uint64_t handle = response.found.handle;
    arena_free(arena);
    return handle;
}

static void measure_messages(const struct party *gateway, const struct party *agent) {
    static const uint8_t text[64];
    struct seal to = {.key = {1}}, from = {.key = {1}};
    struct wire_buffer out = {0}, scratch = {0};
    struct view plain;
    X509 *signer;
    const int many = 2000, few = 50;
    double before = cpu_us();
    for (int i = 0; i < many; i++) {
        out.len = 0;
        must(seal_message(&to, view_of(text, sizeof text), &out, &err) &&
             seal_open(&from, view_of(out.at, out.len), &scratch, &plain, &err));
    }
    printf("sealed by the session's key, closed and opened: %.0f us of processor time, %zu octets more\n",
           (cpu_us() - before) / many, out.len - sizeof text);
    before = cpu_us();
    for (int i = 0; i < few; i++) {
        out.len = 0;
        must(envelope_make(agent, gateway->certificate, view_of(text, sizeof text), &out, &err) &&
             envelope_open(gateway, agent->certificate, view_of(out.at, out.len), &scratch, &signer,
                           &plain, &err));
        X509_free(signer);
    }
    printf("signed and encrypted to public keys, made and opened: %.0f us, %zu octets more\n",
           (cpu_us() - before) / few, out.len - sizeof text);
}

int main(int argc, char **argv) {
    if (argc != 7)
        return 2;
    char module[4200];
    snprintf(module, sizeof module, "bench=%s", argv[2]);
    const char *arguments[] = {"--module", module, "--token-dir", argv[3], "--pin", argv[4], "--log-level", "warn", NULL};
    struct signer_config config = {.program = argv[1], .arguments = arguments};
    struct party gateway = party_of(EVP_PKEY_Q_keygen(NULL, NULL, "RSA", (size_t)3072));
    struct party agent = party_of(EVP_PKEY_Q_keygen(NULL, NULL, "EC", "P-256"));
    struct session_keys keys = {.to_agent.key = {1}, .to_gateway.key = {2}};
    struct hub *hub = hub_new(&(struct hub_config){.patience_s = 60, .limit_s = 60, .look_every_s = 3600, .give_up_s = 60});
    struct load direct = {0}, remote = {.hub = hub};
    struct end ends[2] = {{.party = gateway, .keys = keys, .gateway = true, .hub = hub},
                          {.party = agent, .keys = keys}};
    int fds[2];
    pthread_t threads[2];
    duration_us = atol(argv[6]) * US_PER_SECOND;
    must(signer_connect(&config, &direct.signer, &err));
    must(relay_new(direct.signer, 8, RELAY_USE, &ends[1].relay, &err));
    loopback(fds);
    ends[0].fd = fds[1];
    ends[1].fd = fds[0];
    must(pthread_create(&threads[0], NULL, gateway_main, &ends[0]) == 0 &&
         pthread_create(&threads[1], NULL, agent_main, &ends[1]) == 0);
    while (!ends[0].joined)
        nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    direct.handle = find(&direct, argv[5]);
    remote.handle = find(&remote, argv[5]);
    double own = rate(&direct, 1), away = rate(&remote, 1);
    printf("one after the other: signer %.0f us, through the agent %.0f us: %.0f us added\n", 1e6 / own,
           1e6 / away, 1e6 / away - 1e6 / own);
    double before = cpu_us();
    own = rate(&direct, 32);
    double own_cpu = (cpu_us() - before) / (double)direct.done;
    before = cpu_us();
    away = rate(&remote, 32);
    double away_cpu = (cpu_us() - before) / (double)remote.done;
    printf("32 in flight: signer %.0f/s, through the agent %.0f/s; processor time of both ends for one: %.0f us "
           "and %.0f us (the signer's own is not in it)\n",
           own, away, own_cpu, away_cpu);
    measure_messages(&gateway, &agent);
    fflush(NULL);
    _Exit(0);
}
