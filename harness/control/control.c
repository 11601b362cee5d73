// SPDX-License-Identifier: GPL-2.0
/*
 * Negative controls of the harness: what goes wrong here must be seen there.
 * Loading the module does it; the parameter says what.
 */
#include <linux/jiffies.h>
#include <linux/kthread.h>
#include <linux/module.h>
#include <linux/slab.h>

static char *what = "";
module_param(what, charp, 0);
MODULE_PARM_DESC(what, "oops, warn, leak or race");

static noinline void leak(void)
{
	int i;

	for (i = 0; i < 16; i++)
		pr_info("leaked %zu bytes\n", ksize(kmalloc(96, GFP_KERNEL)));
}

static int shared;

static int count(void *end)
{
	while (time_before(jiffies, (unsigned long)end)) {
		shared++;
		barrier();
		cond_resched();
	}
	return 0;
}

/* Two count in the same place. */
static noinline void race(void)
{
	void *end = (void *)(jiffies + 3 * HZ);

	kthread_run(count, end, "control");
	count(end);
	pr_info("counted to %d\n", shared);
	schedule_timeout_uninterruptible(HZ);
}

static int __init control_init(void)
{
	if (!strcmp(what, "oops"))
		WRITE_ONCE(*(int *)8, 0);
	else if (!strcmp(what, "leak"))
		leak();
	else if (!strcmp(what, "race"))
		race();
	else
		WARN(1, "a warning for the harness\n");
	return 0;
}
module_init(control_init);

static void __exit control_exit(void)
{
}
module_exit(control_exit);

MODULE_DESCRIPTION("Negative controls of the p2pdma test harness");
MODULE_LICENSE("GPL");
