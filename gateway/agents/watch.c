/* Agents that should be here and are not: looked at now and then, for readyz. */
#include "agents/internal.h"

#include "base/clock.h"
#include "base/metrics.h"
#include "ca/troubles.h"

#include <stdio.h>
#include <string.h>

#define SETTLING_US (15 * US_PER_SECOND) /* after a start: the agents come back by and by */

static void add(struct away *list, size_t *count, const char *name, const char *reason) {
    if (*count == AWAY_MAX)
        return;
    snprintf(list[*count].name, sizeof list->name, "agent %.100s", name);
    snprintf(list[*count].reason, sizeof list->reason, "%s", reason);
    ++*count;
}

/* One that was invited and has never come is not missed. */
static void look_at(struct agents *agents, struct arena *arena, const struct agent_record *agent, struct away *list,
                    size_t *count) {
    struct hub_look look;
    char seen[TIME_TEXT_SIZE];
    if (agent->certificate.len == 0)
        return;
    bool connected = hub_connected(agents->hub, agent->id, &look);
    if (connected && look.silent_us > 0)
        add(list, count, agent->name, agents_silence(arena, &look));
    if (connected || clock_monotonic_us() - agents->started_us < SETTLING_US)
        return;
    time_format(agent->seen_us, seen);
    add(list, count, agent->name,
        arena_printf(arena, "It is not connected to this node; some node has last heard of it at %s.", seen));
}

static bool missed(const struct agents *agents, const char *name) {
    for (size_t i = 0; i < agents->away_count; i++)
        if (strcmp(agents->away[i].name, name) == 0)
            return true;
    return false;
}

/* At each change, and now and then that it is so still. Nobody else writes what is read here without the lock. */
static bool tell_notices(struct agents *agents, struct arena *arena, const struct away *list, size_t count, struct error *err) {
    struct trouble *troubles = arena_array(arena, AWAY_MAX, sizeof *troubles);
    bool same = count == agents->away_count;
    for (size_t i = 0; i < count; i++) {
        troubles[i] = (struct trouble){list[i].name, list[i].reason};
        same = same && missed(agents, list[i].name);
    }
    if (same && agents->told_us != 0 && (count == 0 || clock_monotonic_us() - agents->told_us < TROUBLES_AGAIN_US))
        return true;
    agents->told_us = 0;
    TRY(troubles_are(agents->config.core, "agent", troubles, count, err));
    agents->told_us = clock_monotonic_us();
    return true;
}

METRIC(missing, METRIC_GAUGE, "gatehouse_agents_missed", "Agents that are not connected to this node, or do not answer.", NULL);

bool agents_watch_run(void *context, struct arena *arena, struct error *err) {
    struct agents *agents = context;
    struct agent_record *items = NULL;
    struct away *list = arena_array(arena, AWAY_MAX, sizeof *list);
    size_t count = 0, found = 0;
    bool done = false;
    if (!agents->started)
        return true;
    TX(tx, core_db(agents->config.core), &done, err)
        tx.ok = agent_all(tx.tx, arena, &items, &count, err);
    TRY(done);
    for (size_t i = 0; i < count; i++)
        look_at(agents, arena, &items[i], list, &found);
    METRIC_SET(&missing, (int64_t)found, NULL);
    bool told = tell_notices(agents, arena, list, found, err);
    pthread_mutex_lock(&agents->lock);
    memcpy(agents->away, list, found * sizeof *list);
    agents->away_count = found;
    pthread_mutex_unlock(&agents->lock);
    return told;
}

void agents_watch_list(void *context, const struct portal_put *put) {
    struct agents *agents = context;
    pthread_mutex_lock(&agents->lock);
    for (size_t i = 0; i < agents->away_count; i++)
        put->add(put->to, agents->away[i].name, agents->away[i].reason);
    pthread_mutex_unlock(&agents->lock);
}

const char *agents_silence(struct arena *arena, const struct hub_look *look) {
    return arena_printf(arena, "It is connected, but has not answered for %lld seconds.",
                        (long long)(look->silent_us / US_PER_SECOND));
}
