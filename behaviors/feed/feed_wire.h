/*
 * feed_wire.h -- what nodes tell each other about feeds.
 *
 * Private to feed/. A feed with a name has a host, a process with that name;
 * on a node that follows it there is one relay, and on the feed's node one
 * exporter for that relay, which is a subscriber like others.
 *
 *   from, to            message                              answer
 *   ------------------  -----------------------------------  ----------------
 *   anybody, host or    call gen_feed_local                  {ok, Feed}, a
 *   relay of the node                                        native value
 *   relay, host         call {gen_feed_follow, Pid}          {ok, Exporter}
 *   exporter, relay     {gen_feed_events, Exporter,
 *                        [{Seq, TimeNs, Event}]}
 *   relay, exporter     {gen_feed_credit, Count}
 *   exporter, relay     {gen_feed_end, Exporter, Reason}
 *
 * An exporter sends nothing, not even the end, before it has credit, which it
 * gets once its end would be heard of; and no more events than that. A relay
 * gives back what its own subscribers had room for, half a window at a time; so
 * a send waits for a slow subscriber on another node as for one here.
 */
#ifndef FEED_WIRE_H
#define FEED_WIRE_H

#include "feed/feed_core.h"

#define FEED_CREDIT 256u /* events on their way to a relay */
#define FEED_BATCH  64u  /* events in one message, at most */

/* Starts the host of a feed with a name. AGNER_ETAKEN and what else a spawn
 * says. */
enum agner_err gen__feed_host(struct gen *self, struct gen_feed *feed);
/* {ok, Feed}, with a count. */
etf_term gen__feed_local(struct gen *self, struct gen_feed *feed);

#endif
