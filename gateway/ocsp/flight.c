#include "ocsp/flight.h"

void flights_init(struct flights *flights) {
    pthread_mutex_init(&flights->mutex, NULL);
    pthread_cond_init(&flights->landed, NULL);
    flights->first = NULL;
}

void flights_destroy(struct flights *flights) {
    pthread_cond_destroy(&flights->landed);
    pthread_mutex_destroy(&flights->mutex);
}

/* Few are on their way at once: as many as threads. */
static bool on_its_way(const struct flights *flights, struct uuid ca_id, struct view key) {
    for (const struct flight *at = flights->first; at != NULL; at = at->next)
        if (uuid_equal(at->ca_id, ca_id) && view_equal(at->key, key))
            return true;
    return false;
}

bool flight_begin(struct flights *flights, struct flight *flight, struct uuid ca_id, struct view key) {
    pthread_mutex_lock(&flights->mutex);
    bool mine = !on_its_way(flights, ca_id, key);
    if (mine) {
        *flight = (struct flight){ca_id, key, flights->first};
        flights->first = flight;
    } else {
        while (on_its_way(flights, ca_id, key))
            pthread_cond_wait(&flights->landed, &flights->mutex);
    }
    pthread_mutex_unlock(&flights->mutex);
    return mine;
}

void flight_end(struct flights *flights, struct flight *flight) {
    pthread_mutex_lock(&flights->mutex);
    struct flight **at = &flights->first;
    while (*at != flight)
        at = &(*at)->next;
    *at = flight->next;
    pthread_cond_broadcast(&flights->landed);
    pthread_mutex_unlock(&flights->mutex);
}
