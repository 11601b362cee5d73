// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: a provider at rest
 *
 * Before a device is unbound, reset or put to sleep, and when its channel has
 * an error, its provider is closed: allocations fail, holders are told, user
 * mappings are torn down. Then I/O is waited for, so that the device isn't touched
 * while DMA to it goes on: user pages, and what pci_p2pmem_alloc_sgl() returned,
 * which its caller has for one I/O. What pci_alloc_p2pmem() returned may be the
 * driver's own: it is waited for when the driver asks, in pci_p2pmem_drain(), or
 * when its devres ends the provider. A provider that was not unbound is opened
 * again.
 *
 * I/O ends only if its devices go on working. So where several devices are
 * reset at once, all of them are quiesced before the first is disabled. These
 * are those of a bus or slot, what is below a bridge that is reset, and the VFs
 * of a PF.
 *
 * An error is the exception: its recovery waits for no I/O. That may be I/O of
 * a device that is being recovered itself, and which ends only afterwards. The
 * pages stay allocated until then, and after recovery the provider stays closed,
 * and its memory isn't mapped for DMA: what it holds was lost in the reset.
 *
 * After a recovery that failed, and when the device is gone, unbind doesn't wait
 * for that I/O either: it may be the provider's own, a drive's with its CMB, which
 * only the driver's remove function ends. Nothing can be protected any more; devres
 * still waits for the pages.
 *
 * Locks: unbind, resets and errors are entered with device_lock held by the core,
 * which keeps the provider. What is entered without it, the beginning and end of
 * recovery and of I/O, finds the provider by RCU. Recovery holds pci_bus_sem, too,
 * and so what is done in it takes no other lock of the PCI core: p2pdma_holders,
 * and the locks of page tables. A wait holds device_lock, for as long as the I/O
 * or the memory waited for lasts. That I/O must not need the device_lock of its
 * provider to end. It may once an error is reported for a port above both:
 * recovery tells the client, whose I/O then waits for recovery's end, and wants
 * the provider's lock next. So before recovery takes a lock, it ends the waits
 * for I/O of all providers below the port.
 *
 * A wait for all memory, in devres, doesn't end then: the pages must be free. If
 * an error is reported for a port above both while the provider is unbound, and
 * the client's I/O waits for recovery, both wait for ever. The base waits with
 * this lock in unbind, too.
 */

#define dev_fmt(fmt) "P2PDMA: " fmt

#include <linux/bitops.h>
#include <linux/delay.h>
#include <linux/device.h>
#include <linux/init.h>
#include <linux/jiffies.h>
#include <linux/minmax.h>
#include <linux/mutex.h>
#include <linux/notifier.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/rculist.h>
#include <linux/suspend.h>
#include <linux/wait.h>
#include <linux/workqueue.h>

#include "pci.h"
#include "p2pdma.h"

/* Between two messages of a closed provider; the first ones are left out. */
#define FIRST_PAUSE	(HZ / 50)
#define LONG_PAUSE	(5 * HZ / 2)
#define LONGEST_PAUSE	(600 * HZ)

/* How long the suspension of the machine waits, as it does for its tasks */
#define SUSPEND_PATIENCE (20 * HZ)

/* Holders of all providers; held while they are told */
static DEFINE_MUTEX(p2pdma_holders);

/* Of a provider that is waited for */
static void report_users(struct pci_p2pdma *p2pdma)
{
	size_t users = atomic_long_read(&p2pdma->nr_user_pages) << PAGE_SHIFT;
	size_t all = p2pdma_pool_in_use(p2pdma);

	/* A waiter that is missed is seen the next time. */
	if (all && waitqueue_active(&p2pdma->waiters))
		pci_warn(p2pdma->pdev,
			 "waiting for %zu bytes of peer-to-peer memory: %zu in user mappings or their I/O, %zu of drivers, first at %#llx\n",
			 all, users, all - min(users, all),
			 p2pdma_pool_first_used(p2pdma));
}

static bool no_io(struct pci_p2pdma *p2pdma)
{
	return !atomic_long_read(&p2pdma->nr_user_pages) &&
	       !atomic_long_read(&p2pdma->nr_sgls);
}

static void queue_watch(struct pci_p2pdma *p2pdma)
{
	queue_delayed_work(system_unbound_wq, &p2pdma->watch,
			   min(p2pdma->pause, HZ));
}

/*
 * While a provider is closed. A mapping is known to others only some time after
 * p2pdma_mmap.c has made it, so close_provider() may have missed one.
 */
static void watch_closed(struct work_struct *work)
{
	struct pci_p2pdma *p2pdma = container_of(to_delayed_work(work),
						 struct pci_p2pdma, watch);

	if (no_io(p2pdma))
		clear_bit(P2PDMA_AFTER_ERROR, &p2pdma->closed);
	/* While it is reset its registers must not be read. */
	if (test_bit(P2PDMA_AFTER_RESET, &p2pdma->closed) &&
	    !test_bit(P2PDMA_IN_RESET, &p2pdma->closed) &&
	    p2pdma_is_decoding(p2pdma->pdev))
		clear_bit(P2PDMA_AFTER_RESET, &p2pdma->closed);
	if (!READ_ONCE(p2pdma->closed))
		return;
	p2pdma_mmap_close(p2pdma);
	/*
	 * A channel may be lost without a call of p2pdma_disconnected(). Waiters
	 * are woken once: the detection of hung tasks misses what wakes often.
	 */
	if (p2pdma_is_lost(p2pdma) && !p2pdma->seen_lost) {
		p2pdma->seen_lost = true;
		wake_up_all(&p2pdma->waiters);
	}
	if (time_after_eq(jiffies, p2pdma->report_at)) {
		if (p2pdma->pause >= LONG_PAUSE)
			report_users(p2pdma);
		p2pdma->pause = min(2 * p2pdma->pause, LONGEST_PAUSE);
		p2pdma->report_at = jiffies + p2pdma->pause;
	}
	queue_watch(p2pdma);
}

static void tell_holders(struct pci_p2pdma *p2pdma)
{
	struct pci_p2pmem_holder *holder;

	mutex_lock(&p2pdma_holders);
	list_for_each_entry(holder, &p2pdma->holders, node)
		holder->let_go(holder);
	mutex_unlock(&p2pdma_holders);
}

/**
 * pci_p2pmem_add_holder() - Ask to be told when memory is to be freed
 * @provider: the provider
 * @holder: with its function set; the caller's until it is removed
 *
 * The function is called, once each time, when the provider's driver is being
 * unbound, its device is about to be reset or to sleep, or its channel has an
 * error. From then on nothing is allocated. It should see to it that what is
 * allocated is freed soon, also without further events: the device waits for
 * that when its driver is unbound, and for what pci_p2pmem_alloc_sgl() returned
 * before a reset and before it sleeps, too. It must not wait for I/O, nor take a
 * device_lock, pci_bus_sem (which pci_get_device() and its like take), a lock
 * under which one of them is taken, or one under which a holder is removed.
 *
 * Context: Process context; may sleep. Not in @holder's function.
 * Return: 0; -ENODEV if @provider has no peer-to-peer memory, or none to be
 * allocated now.
 */
int pci_p2pmem_add_holder(struct pci_dev *provider,
			  struct pci_p2pmem_holder *holder)
{
	struct pci_p2pdma *p2pdma;
	int error = -ENODEV;

	mutex_lock(&p2pdma_holders);
	INIT_LIST_HEAD(&holder->node);
	/* A provider that is destroyed first waits for this lock. */
	rcu_read_lock();
	p2pdma = rcu_dereference(provider->p2pdma);
	if (p2pdma && !READ_ONCE(p2pdma->closed)) {
		list_add_tail(&holder->node, &p2pdma->holders);
		error = 0;
	}
	rcu_read_unlock();
	mutex_unlock(&p2pdma_holders);
	return error;
}
EXPORT_SYMBOL_GPL(pci_p2pmem_add_holder);

/**
 * pci_p2pmem_remove_holder() - Ask no longer
 * @holder: as added, or never added with success; the provider may be gone
 *
 * When this returns, @holder's function isn't running, and won't be called.
 *
 * Context: Process context; may sleep. Not in @holder's function.
 */
void pci_p2pmem_remove_holder(struct pci_p2pmem_holder *holder)
{
	mutex_lock(&p2pdma_holders);
	list_del_init(&holder->node);
	mutex_unlock(&p2pdma_holders);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_remove_holder);

void p2pdma_init_closing(struct pci_p2pdma *p2pdma)
{
	mutex_init(&p2pdma->withheld_lock);
	INIT_LIST_HEAD(&p2pdma->holders);
	INIT_DELAYED_WORK(&p2pdma->watch, watch_closed);
	init_waitqueue_head(&p2pdma->waiters);
}

/* Of a provider that nobody finds any more */
void p2pdma_end_closing(struct pci_p2pdma *p2pdma)
{
	struct pci_p2pmem_holder *holder, *next;

	cancel_delayed_work_sync(&p2pdma->watch);
	mutex_lock(&p2pdma_holders);
	list_for_each_entry_safe(holder, next, &p2pdma->holders, node)
		list_del_init(&holder->node);
	mutex_unlock(&p2pdma_holders);
}

static void start_watch(struct pci_p2pdma *p2pdma)
{
	cancel_delayed_work_sync(&p2pdma->watch);
	p2pdma->pause = FIRST_PAUSE;
	p2pdma->report_at = jiffies + p2pdma->pause;
	p2pdma->seen_lost = false;
	queue_watch(p2pdma);
}

/* Waits for nothing but locks. */
static void close_provider(struct pci_p2pdma *p2pdma, enum p2pdma_closed why)
{
	if (test_and_set_bit(why, &p2pdma->closed))
		return;
	tell_holders(p2pdma);
	p2pdma_mmap_close(p2pdma);
	start_watch(p2pdma);
}

/* What is mapped from here on isn't torn down for a reason of before. */
static void open_provider(struct pci_p2pdma *p2pdma, enum p2pdma_closed why)
{
	cancel_delayed_work_sync(&p2pdma->watch);
	clear_bit(why, &p2pdma->closed);
	if (READ_ONCE(p2pdma->closed))
		queue_watch(p2pdma);
}

static bool nothing_in_use(struct pci_p2pdma *p2pdma)
{
	return !p2pdma_pool_in_use(p2pdma) && no_io(p2pdma);
}

/* I/O in flight is waited for only as long as it can end. */
static bool no_io_or_lost(struct pci_p2pdma *p2pdma)
{
	return no_io(p2pdma) || p2pdma_is_lost(p2pdma);
}

/*
 * I/O that was queued before the error, and is mapped after it, would move what
 * the reset has left in the memory. So p2pdma_map.c refuses until such I/O has
 * ended, and only then the provider serves again.
 */
static void open_after_error(struct pci_p2pdma *p2pdma)
{
	if (!test_bit(P2PDMA_IN_ERROR, &p2pdma->closed))
		return;
	/* Allocators that missed ->closed are done. */
	synchronize_rcu();
	if (!no_io(p2pdma)) {
		set_bit(P2PDMA_AFTER_ERROR, &p2pdma->closed);
		start_watch(p2pdma);
	}
	open_provider(p2pdma, P2PDMA_IN_ERROR);
}

/*
 * Of a closed provider. The wait is one sleep, so that the detection of hung
 * tasks sees it; the messages come from watch_closed().
 */
static bool wait_until(struct pci_p2pdma *p2pdma,
		       bool (*condition)(struct pci_p2pdma *p2pdma),
		       long patience)
{
	/* Allocators that missed ->closed are done, and freers will see it. */
	synchronize_rcu();
	return wait_event_timeout(p2pdma->waiters, condition(p2pdma), patience);
}

void p2pdma_wait_for_all(struct pci_p2pdma *p2pdma)
{
	wait_until(p2pdma, nothing_in_use, MAX_SCHEDULE_TIMEOUT);
}

static bool range_is_free(struct pci_p2pdma *p2pdma)
{
	return !p2pdma_pool_range_in_use(p2pdma->leaving);
}

/* Then nothing of @range is allocated, nor will be. */
void p2pdma_close_for_shrinking(struct pci_p2pdma *p2pdma,
				struct p2pdma_range *range)
{
	p2pdma->leaving = range;
	close_provider(p2pdma, P2PDMA_SHRINKING);
	wait_until(p2pdma, range_is_free, MAX_SCHEDULE_TIMEOUT);
}

void p2pdma_open_after_shrinking(struct pci_p2pdma *p2pdma)
{
	open_provider(p2pdma, P2PDMA_SHRINKING);
}

/* The caller has device_lock, or is the provider's driver. */
static struct pci_p2pdma *provider_of(struct pci_dev *pdev)
{
	return rcu_dereference_check(pdev->p2pdma, true);
}

/* Does nothing if it was closed for that already. */
void p2pdma_close_for_unbind(struct pci_p2pdma *p2pdma)
{
	close_provider(p2pdma, P2PDMA_RETIRED);
}

/**
 * pci_p2pmem_drain() - Wait until all peer-to-peer memory is free
 * @pdev: the provider, of which nothing is allocated any more
 *
 * For the remove function of a driver that turns its device off: other users of
 * its memory may be active until this returns. The driver frees what it has
 * allocated itself before. Does nothing if the device provides no memory.
 *
 * Context: The driver's remove function; sleeps as long as others have memory.
 */
void pci_p2pmem_drain(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma = provider_of(pdev);

	if (!p2pdma)
		return;
	/* One that was added only after the core has said that it ends */
	p2pdma_close_for_unbind(p2pdma);
	p2pdma_wait_for_all(p2pdma);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_drain);

/*
 * Memory for one I/O of a kernel caller, from before it is allocated. Counted
 * under RCU, with ->closed looked at before, as what is allocated is: so a grace
 * period after that was set, no more is counted. The count keeps the provider.
 */
struct pci_p2pdma *p2pdma_begin_io(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma;

	rcu_read_lock();
	p2pdma = rcu_dereference(pdev->p2pdma);
	if (p2pdma && READ_ONCE(p2pdma->closed))
		p2pdma = NULL;
	if (p2pdma)
		atomic_long_inc(&p2pdma->nr_sgls);
	rcu_read_unlock();
	return p2pdma;
}

void p2pdma_end_io(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma;

	rcu_read_lock();
	p2pdma = rcu_dereference(pdev->p2pdma);
	if (p2pdma) {
		/* Not below zero, for memory that was allocated as no list */
		atomic_long_dec_if_positive(&p2pdma->nr_sgls);
		if (unlikely(READ_ONCE(p2pdma->closed)))
			wake_up_all(&p2pdma->waiters);
	}
	rcu_read_unlock();
}

/* Called by the PCI core, see pci.h */

static void quiesce(struct pci_p2pdma *p2pdma, enum p2pdma_closed why)
{
	close_provider(p2pdma, why);
	wait_until(p2pdma, no_io_or_lost, MAX_SCHEDULE_TIMEOUT);
}

/* Before the driver's remove function */
void p2pdma_unbind(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma = provider_of(pdev);

	if (p2pdma)
		quiesce(p2pdma, P2PDMA_RETIRED);
}

static void prepare_reset_of(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma = provider_of(pdev);

	if (!p2pdma)
		return;
	/* A reset within another one finds it quiesced, and the device off. */
	if (!p2pdma->nr_resets++)
		quiesce(p2pdma, P2PDMA_IN_RESET);
}

/*
 * A reset that failed, or one whose device had lost its BARs before, doesn't mend
 * an error. BARs of virtual functions are in their physical function.
 */
static bool has_its_bars(struct pci_dev *pdev)
{
	u32 bar;
	int i;

	if (!p2pdma_is_decoding(pdev))
		return false;
	for (i = 0; i < PCI_STD_NUM_BARS && !pdev->is_virtfn; i++) {
		if (!(pci_resource_flags(pdev, i) & IORESOURCE_MEM) ||
		    !pci_resource_len(pdev, i))
			continue;
		pci_read_config_dword(pdev, PCI_BASE_ADDRESS_0 + 4 * i, &bar);
		if ((bar & (u32)PCI_BASE_ADDRESS_MEM_MASK) !=
		    lower_32_bits(pci_bus_address(pdev, i)))
			return false;
	}
	return true;
}

static void end_reset_of(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma = provider_of(pdev);

	/* One that was added meanwhile wasn't closed. */
	if (!p2pdma || !p2pdma->nr_resets || --p2pdma->nr_resets)
		return;
	/*
	 * Some callers restore config space only after this, and a driver may
	 * have to turn its device on: until then it stays closed.
	 */
	if (p2pdma_is_decoding(pdev))
		clear_bit(P2PDMA_AFTER_RESET, &p2pdma->closed);
	else
		set_bit(P2PDMA_AFTER_RESET, &p2pdma->closed);
	open_provider(p2pdma, P2PDMA_IN_RESET);
	/*
	 * What recovery has given up may work again now. Recovery that goes on
	 * comes to its own end.
	 */
	if (!test_bit(P2PDMA_IN_ERROR, &p2pdma->closed) ||
	    test_bit(P2PDMA_RECOVERING, &p2pdma->closed) ||
	    !has_its_bars(pdev))
		return;
	pci_dev_set_io_state(pdev, pci_channel_io_normal);
	open_after_error(p2pdma);
}

/* A reset of @dev disconnects what is below it, or turns its VFs off. */
static bool is_reset_with(struct pci_dev *pdev, struct pci_dev *dev)
{
	struct pci_dev *up;

	do {
		up = pci_physfn(pdev);
		pdev = up != pdev ? up : pci_upstream_bridge(pdev);
	} while (pdev && pdev != dev);
	return pdev;
}

/* A VF of @dev on a bus that no bridge leads to */
static bool is_virtual_of(struct pci_dev *pdev, struct pci_dev *dev)
{
	return pdev != dev && pci_physfn(pdev) == dev && pdev->bus != dev->bus;
}

typedef bool (*p2pdma_match_t)(struct pci_dev *pdev, struct pci_dev *dev);

/* With a reference. A provider that is added meanwhile has a higher @serial. */
static struct pci_dev *next_match(p2pdma_match_t match, struct pci_dev *dev,
				  u64 *serial)
{
	struct pci_dev *pdev = NULL;
	struct pci_p2pdma *p2pdma;

	rcu_read_lock();
	list_for_each_entry_rcu(p2pdma, &p2pdma_providers, node) {
		if (p2pdma->serial <= *serial || !match(p2pdma->pdev, dev))
			continue;
		*serial = p2pdma->serial;
		pdev = pci_dev_get(p2pdma->pdev);
		break;
	}
	rcu_read_unlock();
	return pdev;
}

/*
 * Each with its device_lock, one at a time. The caller has that of @dev, which
 * is above: the order of pci_bus_lock(), and a PF's before a VF's is that of
 * pci_disable_sriov().
 */
static void call_matching(p2pdma_match_t match, struct pci_dev *dev,
			  void (*call)(struct pci_dev *pdev))
{
	struct pci_dev *pdev;
	u64 serial = 0;

	if (!dev->subordinate && !dev->is_physfn)
		return;
	while ((pdev = next_match(match, dev, &serial))) {
		device_lock(&pdev->dev);
		call(pdev);
		device_unlock(&pdev->dev);
		pci_dev_put(pdev);
	}
}

/* A reset of @pdev, which the caller has locked, and of what it takes along */
void p2pdma_reset_prepare(struct pci_dev *pdev)
{
	prepare_reset_of(pdev);
	call_matching(is_reset_with, pdev, prepare_reset_of);
}

void p2pdma_reset_done(struct pci_dev *pdev)
{
	call_matching(is_reset_with, pdev, end_reset_of);
	end_reset_of(pdev);
}

/* For each device of a tree that is reset; all but virtual buses are locked. */
void p2pdma_tree_reset_prepare(struct pci_dev *pdev)
{
	prepare_reset_of(pdev);
	call_matching(is_virtual_of, pdev, prepare_reset_of);
}

void p2pdma_tree_reset_done(struct pci_dev *pdev)
{
	call_matching(is_virtual_of, pdev, end_reset_of);
	end_reset_of(pdev);
}

/* Takes no lock: a waiter may have all that recovery or removal will want. */
void p2pdma_disconnected(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma;

	rcu_read_lock();
	p2pdma = rcu_dereference(pdev->p2pdma);
	if (p2pdma)
		wake_up_all(&p2pdma->waiters);
	rcu_read_unlock();
}

static DEFINE_SPINLOCK(p2pdma_recovery_lock);

/* For a provider, and VFs of it on buses that pci_walk_bus() doesn't reach */
static void count_recovery(struct pci_dev *pdev, bool begins)
{
	struct pci_p2pdma *p2pdma;

	rcu_read_lock();
	spin_lock(&p2pdma_recovery_lock);
	list_for_each_entry_rcu(p2pdma, &p2pdma_providers, node) {
		if (p2pdma->pdev != pdev && !is_virtual_of(p2pdma->pdev, pdev))
			continue;
		if (begins)
			p2pdma->nr_recoveries++;
		else if (p2pdma->nr_recoveries)	/* else it was added meanwhile */
			p2pdma->nr_recoveries--;
		if (p2pdma->nr_recoveries)
			set_bit(P2PDMA_RECOVERING, &p2pdma->closed);
		else
			clear_bit(P2PDMA_RECOVERING, &p2pdma->closed);
		wake_up_all(&p2pdma->waiters);
	}
	spin_unlock(&p2pdma_recovery_lock);
	rcu_read_unlock();
}

/*
 * For pci_walk_bus(), before recovery takes the first device_lock. A reset may
 * wait, with the locks of the provider and of a port above, for I/O of a device
 * which recovery tells of the error before it wants these locks. Recoveries of
 * ports above each other may go on at once.
 */
int p2pdma_error_begins(struct pci_dev *pdev, void *unused)
{
	count_recovery(pdev, true);
	return 0;
}

/* Recovery has failed. */
int p2pdma_error_stays(struct pci_dev *pdev, void *unused)
{
	count_recovery(pdev, false);
	return 0;
}

void p2pdma_error_detected(struct pci_dev *pdev)
{
	struct pci_p2pdma *p2pdma = provider_of(pdev);

	if (p2pdma)
		close_provider(p2pdma, P2PDMA_IN_ERROR);
}

/* Recovery is over, and was one that has closed the provider. */
int p2pdma_error_resume(struct pci_dev *pdev, void *unused)
{
	struct pci_p2pdma *p2pdma;

	device_lock(&pdev->dev);
	count_recovery(pdev, false);
	p2pdma = provider_of(pdev);
	if (p2pdma && !test_bit(P2PDMA_RECOVERING, &p2pdma->closed))
		open_after_error(p2pdma);
	device_unlock(&pdev->dev);
	return 0;
}

/* Suspension of the machine: a provider sleeps, or is awake. */

/* The first one that isn't asleep, or awake, as @asleep says; with a reference */
static struct pci_dev *next_provider(bool asleep)
{
	struct pci_dev *pdev = NULL;
	struct pci_p2pdma *p2pdma;

	rcu_read_lock();
	list_for_each_entry_rcu(p2pdma, &p2pdma_providers, node) {
		/* Its unbinding may take for ever, and wants no help. */
		if (test_bit(P2PDMA_RETIRED, &p2pdma->closed) ||
		    test_bit(P2PDMA_SHRINKING, &p2pdma->closed) ||
		    test_bit(P2PDMA_ASLEEP, &p2pdma->closed) == asleep)
			continue;
		pdev = pci_dev_get(p2pdma->pdev);
		break;
	}
	rcu_read_unlock();
	return pdev;
}

static void wake_all(void)
{
	struct pci_dev *pdev;

	while ((pdev = next_provider(false))) {
		device_lock(&pdev->dev);
		if (provider_of(pdev))
			open_provider(provider_of(pdev), P2PDMA_ASLEEP);
		device_unlock(&pdev->dev);
		pci_dev_put(pdev);
	}
}

/* device_lock may be held for a wait: the machine's suspension doesn't share it. */
static bool put_to_sleep(struct pci_dev *pdev, unsigned long end)
{
	struct pci_p2pdma *p2pdma;
	bool done = true;

	while (!device_trylock(&pdev->dev)) {
		if (time_after(jiffies, end))
			return false;
		msleep(20);
	}
	p2pdma = provider_of(pdev);
	if (p2pdma) {
		close_provider(p2pdma, P2PDMA_ASLEEP);
		wait_until(p2pdma, no_io_or_lost,
			   max_t(long, end - jiffies, 1));
		done = no_io(p2pdma);
	}
	device_unlock(&pdev->dev);
	return done;
}

/* User tasks still run, and so do the devices that have I/O in flight. */
static int put_all_to_sleep(void)
{
	unsigned long end = jiffies + SUSPEND_PATIENCE;
	struct pci_dev *pdev;
	bool done = true;

	while (done && (pdev = next_provider(true))) {
		done = put_to_sleep(pdev, end);
		if (!done)
			pci_err(pdev, "I/O with peer-to-peer memory goes on: not suspended\n");
		pci_dev_put(pdev);
	}
	if (done)
		return 0;
	wake_all();
	return -EBUSY;
}

static int pm_notify(struct notifier_block *nb, unsigned long action,
		     void *data)
{
	switch (action) {
	case PM_SUSPEND_PREPARE:
	case PM_HIBERNATION_PREPARE:
		return notifier_from_errno(put_all_to_sleep());
	case PM_POST_SUSPEND:
	case PM_POST_HIBERNATION:
		wake_all();
		return NOTIFY_OK;
	}
	return NOTIFY_DONE;
}

static struct notifier_block pm_nb = {
	.notifier_call = pm_notify,
};

static int __init p2pdma_quiesce_init(void)
{
	return register_pm_notifier(&pm_nb);
}
postcore_initcall_sync(p2pdma_quiesce_init);

/*
 * Whether it answers, for what is read from or written to its memory. VFs have no
 * bit for that of their own.
 */
bool p2pdma_is_decoding(struct pci_dev *pdev)
{
	u16 command;

	return !pci_read_config_word(pdev, PCI_COMMAND, &command) &&
	       !PCI_POSSIBLE_ERROR(command) &&
	       (pdev->no_command_memory || command & PCI_COMMAND_MEMORY);
}

/**
 * pci_p2pmem_is_intact() - Tell whether memory holds what was written to it
 * @page: peer-to-peer memory
 *
 * For callers that copy from it by the processor: asked afterwards, since a device
 * that has failed, or was turned off, answers as if all bits were set.
 *
 * Context: Process context. The caller keeps @page allocated.
 * Return: true if what was read is what the memory holds.
 */
bool pci_p2pmem_is_intact(const struct page *page)
{
	struct p2pdma_range *range = p2pdma_to_range(page->pgmap);

	return range && !p2pdma_is_invalid(range->p2pdma) &&
	       p2pdma_is_decoding(range->p2pdma->pdev);
}
EXPORT_SYMBOL_GPL(pci_p2pmem_is_intact);
