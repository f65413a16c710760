/* What this room counts for /metrics. Label values are texts of the code, never a caller's. */
#include "acme/internal.h"

#include "base/clock.h"
#include "base/metrics.h"

METRIC(orders, METRIC_COUNTER, "gatehouse_acme_orders_total",
       "ACME orders: created, refused; then issued, waiting for approval, failed or declined.", "outcome");
METRIC(seconds, METRIC_SECONDS, "gatehouse_acme_order_seconds",
       "From an ACME order to its certificate, what the client and approvers took for it included.", NULL);
METRIC(validations, METRIC_COUNTER, "gatehouse_acme_validations_total",
       "Looks at ACME challenges by type and outcome.", "challenge", "outcome");
METRIC(bindings, METRIC_COUNTER, "gatehouse_acme_bindings_total",
       "External account bindings that new ACME accounts brought, by outcome; required: none was brought.", "outcome");
METRIC(limits, METRIC_COUNTER, "gatehouse_acme_limits_total",
       "ACME requests that a limit of their policy has refused, by limit.", "limit");
METRIC(problems, METRIC_COUNTER, "gatehouse_acme_problems_total",
       "ACME requests that were refused, by type of problem.", "problem");

void count_order(const char *outcome) {
    METRIC_ADD(&orders, 1, outcome);
}

void count_issued(const struct acme_order *order) {
    count_order("issued");
    METRIC_OBSERVE(&seconds, clock_now_us() - order->created_us, NULL);
}

void count_validation(const char *type, enum acme_authorization_state state) {
    METRIC_ADD(&validations, 1, type,
               state == ACME_AUTHZ_VALID     ? "valid"
               : state == ACME_AUTHZ_PENDING ? "again"
                                             : "invalid");
}

void count_binding(const char *outcome) {
    METRIC_ADD(&bindings, 1, outcome);
}

void count_limit(const char *limit) {
    METRIC_ADD(&limits, 1, limit);
}

void count_problem(const char *problem) {
    METRIC_ADD(&problems, 1, problem);
}
