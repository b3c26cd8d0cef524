// SPDX-License-Identifier: GPL-2.0-only
/* Eventfds: signalling them, and waiting on them for irqfds. */
#include <linux/glue.h>
#include <linux/host_compat.h>
#include <linux/file.h>
#include <linux/list.h>
#include <linux/mutex.h>
#include <linux/poll.h>
#include <linux/slab.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

struct nest_host_irqfd {
	void *owner;
	struct eventfd_ctx *eventfd;
	struct list_head link;
	wait_queue_entry_t wait;
	poll_table poll;
	struct work_struct shutdown;
};

/* An eventfd is bound once on the whole machine: of two irqfds on one eventfd, each would consume the other's signals. */
static LIST_HEAD(bound);
static DEFINE_MUTEX(bound_lock);
static struct workqueue_struct *shutdown_queue;

int nest_eventfd_init(void)
{
	shutdown_queue = alloc_workqueue("nestvisor-irqfd", WQ_UNBOUND, 0);
	return shutdown_queue ? 0 : -ENOMEM;
}

void nest_eventfd_exit(void)
{
	if (shutdown_queue)
		destroy_workqueue(shutdown_queue);
	shutdown_queue = NULL;
}

int nest_port_eventfd_get(int fd, struct nest_eventfd **out)
{
	struct eventfd_ctx *eventfd = eventfd_ctx_fdget(fd);

	if (IS_ERR(eventfd))
		return PTR_ERR(eventfd);
	*out = (struct nest_eventfd *)eventfd;
	return 0;
}

void nest_port_eventfd_signal(struct nest_eventfd *eventfd)
{
	nest_eventfd_signal((struct eventfd_ctx *)eventfd);
}

void nest_port_eventfd_put(struct nest_eventfd *eventfd)
{
	eventfd_ctx_put((struct eventfd_ctx *)eventfd);
}

static void run_shutdown(struct work_struct *work)
{
	nest_irqfd_shutdown(container_of(work, struct nest_host_irqfd, shutdown)->owner);
}

/* Called with the eventfd's wait-queue lock held and interrupts off. */
static int wakeup(wait_queue_entry_t *wait, unsigned int mode, int sync, void *key)
{
	struct nest_host_irqfd *irqfd = container_of(wait, struct nest_host_irqfd, wait);
	__poll_t flags = key_to_poll(key);
	u64 count;

	if (flags & EPOLLIN) {
		eventfd_ctx_do_read(irqfd->eventfd, &count);
		nest_irqfd_wakeup(irqfd->owner);
	}
	if (flags & EPOLLHUP)
		queue_work(shutdown_queue, &irqfd->shutdown);
	return 0;
}

static void enqueue(struct file *file, wait_queue_head_t *head, poll_table *poll)
{
	struct nest_host_irqfd *irqfd = container_of(poll, struct nest_host_irqfd, poll);

	add_wait_queue_priority(head, &irqfd->wait);
}

int nest_port_irqfd_bind(int fd, void *owner, struct nest_host_irqfd **out)
{
	struct nest_host_irqfd *irqfd, *other;
	struct file *file = fget(fd);
	int ret = 0;

	if (!file)
		return -EBADF;
	irqfd = kzalloc(sizeof(*irqfd), GFP_KERNEL_ACCOUNT);
	if (!irqfd) {
		fput(file);
		return -ENOMEM;
	}
	irqfd->owner = owner;
	irqfd->eventfd = eventfd_ctx_fileget(file);
	if (IS_ERR(irqfd->eventfd)) {
		ret = PTR_ERR(irqfd->eventfd);
		kfree(irqfd);
		fput(file);
		return ret;
	}
	INIT_WORK(&irqfd->shutdown, run_shutdown);
	init_waitqueue_func_entry(&irqfd->wait, wakeup);
	init_poll_funcptr(&irqfd->poll, enqueue);

	mutex_lock(&bound_lock);
	list_for_each_entry(other, &bound, link)
		if (other->eventfd == irqfd->eventfd)
			ret = -EBUSY;
	if (!ret)
		list_add(&irqfd->link, &bound);
	mutex_unlock(&bound_lock);
	if (ret) {
		eventfd_ctx_put(irqfd->eventfd);
		kfree(irqfd);
		fput(file);
		return ret;
	}
	*out = irqfd;
	/* A signal from before the wait queue entry was added had no wakeup(): it is delivered now. */
	if (vfs_poll(file, &irqfd->poll) & EPOLLIN)
		nest_irqfd_wakeup(owner);
	fput(file);
	return 0;
}

void nest_port_irqfd_unbind(struct nest_host_irqfd *irqfd)
{
	u64 count;

	eventfd_ctx_remove_wait_queue(irqfd->eventfd, &irqfd->wait, &count);
	/* If the shutdown is our own caller, cancel_work_sync() would wait for itself. */
	if (current_work() != &irqfd->shutdown)
		cancel_work_sync(&irqfd->shutdown);
	mutex_lock(&bound_lock);
	list_del(&irqfd->link);
	mutex_unlock(&bound_lock);
	eventfd_ctx_put(irqfd->eventfd);
	kfree(irqfd);
}

void nest_port_irqfd_flush(void)
{
	flush_workqueue(shutdown_queue);
}

bool nest_port_irqfd_matches(struct nest_host_irqfd *irqfd, int fd)
{
	struct eventfd_ctx *eventfd = eventfd_ctx_fdget(fd);
	bool same;

	if (IS_ERR(eventfd))
		return false;
	same = eventfd == irqfd->eventfd;
	eventfd_ctx_put(eventfd);
	return same;
}
