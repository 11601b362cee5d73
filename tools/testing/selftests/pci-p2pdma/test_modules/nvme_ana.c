// SPDX-License-Identifier: GPL-2.0
/*
 * ANA states of the paths of an NVMe multipath head, for drives that have none
 *
 * To debugfs, nvme_ana: DISK INSTANCE STATE, a head, the number of a controller, and
 * the state of the path by it as in enum nvme_ana_state; 0: the log is to be read.
 * Does to the path what the NVMe driver does when it has read that in the log.
 */
#include <linux/blkdev.h>
#include <linux/debugfs.h>
#include <linux/module.h>

#include "nvme.h"

static struct dentry *dir;

static void set_state(struct nvme_ns_head *head, int instance, int state)
{
	struct nvme_ns *ns;
	int idx;

	idx = srcu_read_lock(&head->srcu);
	list_for_each_entry_srcu(ns, &head->list, siblings,
				 srcu_read_lock_held(&head->srcu)) {
		if (ns->ctrl->instance != instance)
			continue;
		if (state) {
			ns->ana_state = state;
			clear_bit(NVME_NS_ANA_PENDING, &ns->flags);
		} else {
			set_bit(NVME_NS_ANA_PENDING, &ns->flags);
		}
	}
	srcu_read_unlock(&head->srcu, idx);

	synchronize_srcu(&head->srcu);
	kblockd_schedule_work(&head->requeue_work);
}

static ssize_t nvme_ana_write(struct file *file, const char __user *user,
			      size_t size, loff_t *pos)
{
	char text[64] = "", disk[32];
	int instance, state;
	struct file *bdev;

	if (size >= sizeof(text) || copy_from_user(text, user, size))
		return -EINVAL;
	if (sscanf(text, "%31s %d %d", disk, &instance, &state) != 3)
		return -EINVAL;
	bdev = bdev_file_open_by_path(disk, BLK_OPEN_READ, NULL, NULL);
	if (IS_ERR(bdev))
		return PTR_ERR(bdev);
	set_state(file_bdev(bdev)->bd_disk->private_data, instance, state);
	fput(bdev);
	return size;
}

static const struct file_operations nvme_ana_fops = {
	.owner = THIS_MODULE,
	.write = nvme_ana_write,
};

static int __init nvme_ana_init(void)
{
	dir = debugfs_create_file("nvme_ana", 0200, NULL, NULL, &nvme_ana_fops);
	return PTR_ERR_OR_ZERO(dir);
}
module_init(nvme_ana_init);

static void __exit nvme_ana_exit(void)
{
	debugfs_remove(dir);
}
module_exit(nvme_ana_exit);

MODULE_DESCRIPTION("ANA states of NVMe paths, for tests");
MODULE_LICENSE("GPL");
