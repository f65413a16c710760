#include "store/connection.h"

#include "base/log.h"
#include "store/hold.h"
#include "store/later.h"

#include <errmsg.h>
#include <fcntl.h>
#include <mysqld_error.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

#define IO_SECONDS 60u /* longer than any statement may take on the server */

/* exists_to_in off, no join buffers: every join and EXISTS is a look-up per row, in the order of the index
 * that is walked, as the lists of this room are written for; a page ends the walk.
 * max_statement_time and the idle limit: no query and no forgotten transaction holds locks for long. */
static const char sql_set_up[] =
    "SET SESSION time_zone = '+00:00', collation_connection = 'utf8mb4_nopad_bin', "
    "sql_mode = 'STRICT_ALL_TABLES,ERROR_FOR_DIVISION_BY_ZERO,NO_ENGINE_SUBSTITUTION,"
    "ONLY_FULL_GROUP_BY', "
    "optimizer_switch = 'exists_to_in=off', join_cache_level = 0, innodb_lock_wait_timeout = 5, "
    "max_statement_time = 30, idle_transaction_timeout = 60";
static const char sql_isolation[] = "SET SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED";
static const char sql_sync_wait[] = "SET SESSION wsrep_sync_wait = 1";

static pthread_once_t library_once = PTHREAD_ONCE_INIT;
static pthread_key_t thread_key;

static void thread_end(void *unused) {
    (void)unused;
    mysql_thread_end();
}

static void library_start(void) {
    if (mysql_library_init(0, NULL, NULL) != 0 ||
        pthread_key_create(&thread_key, thread_end) != 0) {
        log_error("store", "the MariaDB client library does not start");
        abort();
    }
}

/* The client library keeps something for every thread; it goes when the thread ends. */
static void thread_start(void) {
    pthread_once(&library_once, library_start);
    if (pthread_getspecific(thread_key) == NULL) {
        mysql_thread_init();
        pthread_setspecific(thread_key, &thread_key);
    }
}

static bool is_retry(unsigned number) {
    switch (number) {
    case 1020: /* ER_CHECKREAD: the row has changed since it was read (snapshot isolation) */
    case ER_LOCK_WAIT_TIMEOUT:
    case ER_LOCK_DEADLOCK:
    case ER_UNKNOWN_COM_ERROR: /* 1047, Galera: the node is not ready; nothing was done */
        return true;
    default:
        return false;
    }
}

static bool is_lost(unsigned number) {
    switch (number) {
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_LOST:
    case CR_SERVER_LOST_EXTENDED:
    case CR_COMMANDS_OUT_OF_SYNC: /* nobody knows what is on the wire */
    case CR_MALFORMED_PACKET:
    case ER_SERVER_SHUTDOWN:
    case ER_NORMAL_SHUTDOWN:
    case ER_NEW_ABORTING_CONNECTION:
    case ER_CONNECTION_KILLED:
    case ER_UNKNOWN_STMT_HANDLER:
    case ER_NET_READ_ERROR:
    case ER_NET_READ_INTERRUPTED:
    case ER_NET_ERROR_ON_WRITE:
    case ER_NET_WRITE_INTERRUPTED:
    case ER_ERROR_DURING_COMMIT:
        return true;
    default:
        return false;
    }
}

static bool unavailable(struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "database-unavailable",
                "The database does not answer. Try again in a moment; if it stays so, the "
                "administrator should run `gatehouse check`.");
}

static bool busy(struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "database-busy",
                "The database is busy. Try again in a moment.");
}

/* 1047 and what a node says of itself: without the majority of its cluster nothing is written, or both halves would
 * write. */
static bool no_quorum(struct error *err) {
    return fail(err, ERROR_UNAVAILABLE, "database-no-quorum",
                "The database node is not part of its cluster's majority and refuses to read and write, so that the "
                "halves do not drift apart. It goes on by itself when the nodes see each other again.");
}

/* What a person may have caused by what was typed, and what is the server's state; anything else is ours. */
static bool classify(unsigned number, const char *text, struct error *err) {
    switch (number) {
    case ER_DATA_TOO_LONG:
    case ER_WARN_DATA_OUT_OF_RANGE: {
        /* The server's words: Data too long for column 'name' at row 1 */
        const char *name = strchr(text, '\'');
        int len = name == NULL ? 0 : (int)strcspn(name + 1, "'");
        return fail(err, ERROR_MALFORMED, "too-long",
                    "The value of \"%.*s\" is longer or larger than can be stored; shorten it.",
                    len, name == NULL ? "" : name + 1);
    }
    case ER_TRUNCATED_WRONG_VALUE_FOR_FIELD:
        return fail(err, ERROR_MALFORMED, "bad-text", "A text is not valid UTF-8.");
    case ER_NET_PACKET_TOO_LARGE:
    case CR_NET_PACKET_TOO_LARGE:
        return fail(err, ERROR_TOO_LARGE, "too-large", "The data is larger than can be stored.");
    case ER_CON_COUNT_ERROR:
    case ER_TOO_MANY_USER_CONNECTIONS:
    case ER_USER_LIMIT_REACHED:
    case ER_STATEMENT_TIMEOUT:
    case ER_QUERY_INTERRUPTED:
        return busy(err);
    case ER_OPTION_PREVENTS_STATEMENT: /* --read-only */
    case ER_DISK_FULL:
    case ER_RECORD_FILE_FULL:
    case ER_ERROR_ON_WRITE:
    case ER_CANT_EXECUTE_IN_READ_ONLY_TRANSACTION:
        return unavailable(err);
    default:
        return fail_internal(err, "database");
    }
}

bool connection_fail(struct tx *tx, unsigned number, const char *text, const char *sql,
                     struct error *err) {
    if (is_lost(number)) {
        tx->trouble = TROUBLE_LOST;
        unavailable(err);
    } else if (is_retry(number)) {
        tx->trouble = TROUBLE_RETRY;
        tx->unfit = tx->unfit || number == ER_UNKNOWN_COM_ERROR;
        (void)(number == ER_UNKNOWN_COM_ERROR ? no_quorum(err) : busy(err));
    } else {
        classify(number, text, err);
    }
    /* 1062 and 1366 repeat the value, which may be the hash of a secret. */
    bool quotes = number == ER_DUP_ENTRY || number == ER_TRUNCATED_WRONG_VALUE_FOR_FIELD;
    error_detail(err, " [%u %s, in: %.120s]", number, quotes ? "(value withheld)" : text, sql);
    return false;
}

bool connection_run(struct tx *tx, const char *sql, struct error *err) {
    thread_start();
    if (mysql_real_query(tx->mysql, sql, strlen(sql)) != 0)
        return connection_fail(tx, mysql_errno(tx->mysql), mysql_error(tx->mysql), sql, err);
    MYSQL_RES *result = mysql_store_result(tx->mysql); /* CREATE ... may answer with rows */
    if (result != NULL)
        mysql_free_result(result);
    else if (mysql_errno(tx->mysql) != 0)
        return connection_fail(tx, mysql_errno(tx->mysql), mysql_error(tx->mysql), sql, err);
    return true;
}

static void set_options(MYSQL *mysql, const struct db_url *url) {
    unsigned connect_seconds = url->connect_seconds, off = 0;
    unsigned io_seconds = url->io_seconds != 0 ? url->io_seconds : IO_SECONDS;
    my_bool yes = 1, verify = url->ssl_ca != NULL;

    mysql_options(mysql, MYSQL_OPT_CONNECT_TIMEOUT, &connect_seconds);
    mysql_options(mysql, MYSQL_OPT_READ_TIMEOUT, &io_seconds);
    mysql_options(mysql, MYSQL_OPT_WRITE_TIMEOUT, &io_seconds);
    mysql_options(mysql, MYSQL_OPT_LOCAL_INFILE, &off);
    mysql_options(mysql, MYSQL_REPORT_DATA_TRUNCATION, &yes);
    mysql_options(mysql, MYSQL_SET_CHARSET_NAME, "utf8mb4");
    /* Said always: the default differs between versions of the library. */
    mysql_options(mysql, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &verify);
    unsigned tcp = MYSQL_PROTOCOL_TCP; /* else the library takes "localhost" for a unix socket */
    if (url->socket == NULL && url->port != 0)
        mysql_options(mysql, MYSQL_OPT_PROTOCOL, &tcp);
    if (url->ssl_ca != NULL) {
        mysql_options(mysql, MYSQL_OPT_SSL_CA, url->ssl_ca);
        mysql_options(mysql, MYSQL_OPT_SSL_ENFORCE, &yes);
        mysql_options(mysql, MYSQL_OPT_TLS_VERSION, "TLSv1.2,TLSv1.3");
    }
}

static bool connect_failed(const struct db_url *url, MYSQL *mysql, struct error *err) {
    unsigned number = mysql_errno(mysql);
    if (number == ER_ACCESS_DENIED_ERROR || number == ER_DBACCESS_DENIED_ERROR ||
        number == ER_BAD_DB_ERROR || number == ER_ACCESS_DENIED_NO_PASSWORD_ERROR)
        fail(err, ERROR_UNAVAILABLE, "database-unavailable",
             "The database server refuses the gateway's account or does not have its database. "
             "The administrator should check the option `db`.");
    else if (number == ER_CON_COUNT_ERROR || number == ER_TOO_MANY_USER_CONNECTIONS)
        busy(err);
    else
        unavailable(err);
    error_detail(err, "%s@%s: %u %s", url->user, url->socket != NULL ? url->socket : url->host,
                 number, mysql_error(mysql));
    return false;
}

/* A server that has gone without a word (power, cable) is noticed within seconds instead of minutes. */
static void watch(MYSQL *mysql) {
    int fd = mysql_get_socket(mysql), on = 1, idle = 2, interval = 1, count = 3;
    unsigned patience_ms = 5000;
    (void)fcntl(fd, F_SETFD, FD_CLOEXEC); /* no child of this process (the signer) gets at the database */
    /* These fail on a unix socket, which needs none of them. */
    (void)setsockopt(fd, SOL_SOCKET, SO_KEEPALIVE, &on, sizeof on);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPIDLE, &idle, sizeof idle);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPINTVL, &interval, sizeof interval);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_KEEPCNT, &count, sizeof count);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_USER_TIMEOUT, &patience_ms, sizeof patience_ms);
}

/* A node of a cluster that is not ready (no majority, or still joining) lets one in and then refuses everything. */
static bool check_ready(struct tx *tx, struct error *err) {
    static const char sql[] = "SHOW STATUS WHERE Variable_name IN ('wsrep_provider_name', 'wsrep_ready')";
    bool cluster = false, ready = true;
    if (mysql_real_query(tx->mysql, sql, sizeof sql - 1) != 0)
        return connection_fail(tx, mysql_errno(tx->mysql), mysql_error(tx->mysql), sql, err);
    MYSQL_RES *result = mysql_store_result(tx->mysql);
    for (MYSQL_ROW row = NULL; result != NULL && (row = mysql_fetch_row(result)) != NULL;) {
        if (row[0] == NULL || row[1] == NULL)
            continue;
        if (strcasecmp(row[0], "wsrep_ready") == 0)
            ready = strcasecmp(row[1], "ON") == 0;
        else
            cluster = row[1][0] != '\0';
    }
    mysql_free_result(result);
    return !cluster || ready || no_quorum(err);
}

static bool set_up(struct tx *tx, const struct db_url *url, struct error *err) {
    TRY(connection_run(tx, sql_set_up, err));
    TRY(connection_run(tx, sql_isolation, err));
    if (url->sync_wait || url->host_count > 1)
        TRY(check_ready(tx, err));
    return !url->sync_wait || connection_run(tx, sql_sync_wait, err);
}

/* A refusal is an answer; that its name cannot be looked up, or that we have no descriptors left, says nothing of the
 * server. */
static bool is_silent(unsigned number) {
    switch (number) {
    case CR_CONNECTION_ERROR:
    case CR_CONN_HOST_ERROR:
    case CR_SERVER_GONE_ERROR:
    case CR_SERVER_LOST:
    case CR_SERVER_LOST_EXTENDED:
        return true;
    default:
        return false;
    }
}

bool connection_answers(const struct db_url *url) {
    thread_start();
    MYSQL *mysql = mysql_init(NULL);
    if (mysql == NULL)
        return true;
    set_options(mysql, url);
    bool answers = mysql_real_connect(mysql, url->host, url->user, url->password, url->database, url->port,
                                      url->socket, CLIENT_FOUND_ROWS) != NULL ||
                   !is_silent(mysql_errno(mysql));
    mysql_close(mysql);
    return answers;
}

void connection_cut(const struct tx *tx) {
    (void)shutdown(tx->cut_fd, SHUT_RDWR);
}

bool connection_open(const struct db_url *url, struct tx **ret_tx, struct error *err) {
    thread_start();
    struct tx *tx = must_alloc(sizeof *tx);
    tx->cut_fd = -1;
    tx->mysql = mysql_init(NULL);
    if (tx->mysql == NULL) {
        free(tx);
        return fail_internal(err, "mysql_init: out of memory");
    }
    set_options(tx->mysql, url);
    if (mysql_real_connect(tx->mysql, url->host, url->user, url->password, url->database, url->port,
                           url->socket, CLIENT_FOUND_ROWS) == NULL) {
        connect_failed(url, tx->mysql, err);
        connection_close(tx);
        return false;
    }
    watch(tx->mysql);
    tx->url = url;
    tx->cut_fd = fcntl(mysql_get_socket(tx->mysql), F_DUPFD_CLOEXEC, 0);
    if (!set_up(tx, url, err)) {
        connection_close(tx);
        return false;
    }
    *ret_tx = tx;
    return true;
}

void connection_close(struct tx *tx) {
    thread_start();
    later_forget(tx);
    statements_drop(tx);
    mysql_close(tx->mysql);
    if (tx->cut_fd >= 0)
        close(tx->cut_fd);
    free(tx->held);
    free(tx);
}

bool connection_alive(const struct tx *tx) {
    struct pollfd socket = {.fd = mysql_get_socket(tx->mysql), .events = POLLIN};
    /* Between two transactions nothing is due: what can be read is the end, or the server's farewell. */
    return tx->trouble != TROUBLE_LOST && socket.fd >= 0 && poll(&socket, 1, 0) == 0;
}
