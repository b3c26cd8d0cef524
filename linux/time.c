// SPDX-License-Identifier: GPL-2.0-only
/* Clocks and high-resolution timers in the core's opaque storage. */
#include <linux/host_compat.h>
#include <port/entry.h>
#include <linux/hrtimer.h>
#include <linux/ktime.h>
#include <linux/timekeeping.h>
#include <linux/clocksource_ids.h>

struct host_hrtimer {
	struct hrtimer timer;
	void *owner;
	unsigned int which;
};
static_assert(sizeof(struct host_hrtimer) <= sizeof(struct nest_hrtimer));

static struct host_hrtimer *host(struct nest_hrtimer *timer)
{
	return (struct host_hrtimer *)timer->storage;
}

static enum hrtimer_restart fired(struct hrtimer *timer)
{
	struct host_hrtimer *h = container_of(timer, struct host_hrtimer, timer);

	nest_hrtimer_fired(h->owner, h->which);
	return HRTIMER_NORESTART;
}

uint64_t nest_port_now_ns(void)
{
	return ktime_get_ns();
}

bool nest_port_clock_snapshot(uint64_t *realtime_ns, uint64_t *counter)
{
	struct system_time_snapshot snapshot;

	*realtime_ns = ktime_to_ns(nest_clock_snapshot(&snapshot));
	*counter = snapshot.cycles;
	return snapshot.cs_id == CSID_ARM_ARCH_COUNTER;
}

void nest_port_hrtimer_init(struct nest_hrtimer *timer, void *owner, unsigned int which)
{
	struct host_hrtimer *h = host(timer);

	h->owner = owner;
	h->which = which;
	nest_hrtimer_setup(&h->timer, fired);
}

void nest_port_hrtimer_start(struct nest_hrtimer *timer, uint64_t relative_ns)
{
	hrtimer_start(&host(timer)->timer, ns_to_ktime(min_t(uint64_t, relative_ns, KTIME_MAX)), HRTIMER_MODE_REL_HARD);
}

void nest_port_hrtimer_cancel(struct nest_hrtimer *timer)
{
	hrtimer_cancel(&host(timer)->timer);
}
