// SPDX-License-Identifier: GPL-2.0
/*
 * PCI peer-to-peer DMA: has anything changed?
 *
 * One number for the whole machine: the generation of the PCI tree. Whatever
 * could change for any pair of devices how they reach each other starts a new
 * one. What is known of one generation says nothing of another.
 *
 * While a change goes on there is no valid generation.
 */

#include <linux/bug.h>
#include <linux/spinlock.h>

#include "pci.h"
#include "p2pdma.h"

static DEFINE_RAW_SPINLOCK(change_lock);
static unsigned int changes;		/* that go on */
static unsigned long last_generation = 1;

/* 0 while a change goes on */
unsigned long p2pdma_generation = 1;

/**
 * p2pdma_change_begin - verdicts may change from now on
 *
 * Context: Any.
 */
void p2pdma_change_begin(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&change_lock, flags);
	changes++;
	WRITE_ONCE(p2pdma_generation, 0);
	raw_spin_unlock_irqrestore(&change_lock, flags);
	/*
	 * Whoever sees the change sees the end of the generation. Pairs with
	 * the barrier in p2pdma_cache.c's audit().
	 */
	smp_wmb();
}

/**
 * p2pdma_change_end - what p2pdma_change_begin() announced is done
 *
 * Context: Any.
 */
void p2pdma_change_end(void)
{
	unsigned long flags;

	raw_spin_lock_irqsave(&change_lock, flags);
	WARN_ON_ONCE(!changes);
	last_generation++;
	/* Whoever sees the new generation sees the change. */
	if (!--changes)
		/* Pairs with p2pdma_cache.c's walk(). */
		smp_store_release(&p2pdma_generation, last_generation);
	raw_spin_unlock_irqrestore(&change_lock, flags);
}
