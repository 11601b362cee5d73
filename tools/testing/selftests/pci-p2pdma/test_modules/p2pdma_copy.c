// SPDX-License-Identifier: GPL-2.0
/*
 * A copier for tests: moves data between block devices and peer-to-peer memory
 * as a driver does, in the kernel
 *
 * For kernels in which p2pmem has no user mappings. The file p2pdma_copy in
 * debugfs takes commands, one at a time:
 *
 *   memory BDF         2 MiB of this provider are the file's buffer
 *   read FD OFFSET     from the block device that the caller has open
 *   write FD OFFSET    to it
 *   trust BDF 0|1      this function, as one that is not behind an
 *                      external-facing port
 *
 * A read gives the CPU address of the buffer in the provider's BAR. The buffer is
 * freed when the file is closed.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/bio.h>
#include <linux/blkdev.h>
#include <linux/debugfs.h>
#include <linux/file.h>
#include <linux/fs.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/pci.h>
#include <linux/pci-p2pdma.h>
#include <linux/sizes.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#define SIZE SZ_2M

/**
 * struct copy_buffer - what an open file has
 * @lock: one command at a time; protects what follows
 * @provider: with a reference, or NULL as long as there is no memory
 * @addr: of the memory
 */
struct copy_buffer {
	struct mutex lock;		/* see above */
	struct pci_dev *provider;
	void *addr;
};

static int take_memory(struct copy_buffer *buffer, const char *name)
{
	struct device *dev;

	if (buffer->provider)
		return -EBUSY;
	dev = bus_find_device_by_name(&pci_bus_type, NULL, name);
	if (!dev)
		return -ENODEV;
	buffer->addr = pci_alloc_p2pmem(to_pci_dev(dev), SIZE);
	if (!buffer->addr) {
		put_device(dev);
		return -ENOMEM;
	}
	buffer->provider = to_pci_dev(dev);
	return 0;
}

static int transfer(struct copy_buffer *buffer, struct block_device *bdev,
		    enum req_op op, loff_t at)
{
	struct bio *bio;
	int error;

	/* What is merged with host memory could not be mapped. */
	bio = bio_alloc(bdev, 1, op | REQ_SYNC | REQ_NOMERGE, GFP_KERNEL);
	bio->bi_iter.bi_sector = at >> SECTOR_SHIFT;
	__bio_add_page(bio, virt_to_page(buffer->addr), SIZE, 0);
	error = submit_bio_wait(bio);
	bio_put(bio);
	return error;
}

static int transfer_file(struct copy_buffer *buffer, enum req_op op,
			 unsigned int fd, loff_t at)
{
	struct file *file;
	int error;

	if (!buffer->provider)
		return -ENXIO;
	file = fget(fd);
	if (!file)
		return -EBADF;
	if (!S_ISBLK(file_inode(file)->i_mode))
		error = -ENOTBLK;
	else if (!(file->f_mode & (op_is_write(op) ? FMODE_WRITE : FMODE_READ)))
		error = -EBADF;
	else
		error = transfer(buffer, I_BDEV(file->f_mapping->host), op, at);
	fput(file);
	return error;
}

static int trust(const char *name, bool trusted)
{
	struct device *dev;

	dev = bus_find_device_by_name(&pci_bus_type, NULL, name);
	if (!dev)
		return -ENODEV;
	to_pci_dev(dev)->untrusted = !trusted;
	put_device(dev);
	return 0;
}

static int command(struct copy_buffer *buffer, const char *text)
{
	unsigned int fd, yes;
	char name[32];
	loff_t at;

	if (sscanf(text, "memory %31s", name) == 1)
		return take_memory(buffer, name);
	if (sscanf(text, "read %u %lli", &fd, &at) == 2)
		return transfer_file(buffer, REQ_OP_READ, fd, at);
	if (sscanf(text, "write %u %lli", &fd, &at) == 2)
		return transfer_file(buffer, REQ_OP_WRITE, fd, at);
	if (sscanf(text, "trust %31s %u", name, &yes) == 2)
		return trust(name, yes);
	return -EINVAL;
}

static ssize_t copy_write(struct file *file, const char __user *user,
			  size_t count, loff_t *pos)
{
	struct copy_buffer *buffer = file->private_data;
	char text[64] = {};
	int error;

	if (count >= sizeof(text))
		return -EINVAL;
	if (copy_from_user(text, user, count))
		return -EFAULT;
	mutex_lock(&buffer->lock);
	error = command(buffer, text);
	mutex_unlock(&buffer->lock);
	return error ?: count;
}

static ssize_t copy_read(struct file *file, char __user *user, size_t count,
			 loff_t *pos)
{
	struct copy_buffer *buffer = file->private_data;
	char text[32];
	u64 phys;

	mutex_lock(&buffer->lock);
	phys = buffer->provider ? virt_to_phys(buffer->addr) : 0;
	mutex_unlock(&buffer->lock);
	return simple_read_from_buffer(user, count, pos, text,
				       scnprintf(text, sizeof(text), "%#llx\n",
						 phys));
}

static int copy_open(struct inode *inode, struct file *file)
{
	struct copy_buffer *buffer = kzalloc(sizeof(*buffer), GFP_KERNEL);

	if (!buffer)
		return -ENOMEM;
	mutex_init(&buffer->lock);
	file->private_data = buffer;
	return 0;
}

static int copy_release(struct inode *inode, struct file *file)
{
	struct copy_buffer *buffer = file->private_data;

	if (buffer->provider) {
		pci_free_p2pmem(buffer->provider, buffer->addr, SIZE);
		pci_dev_put(buffer->provider);
	}
	kfree(buffer);
	return 0;
}

static const struct file_operations copy_fops = {
	.owner = THIS_MODULE,
	.open = copy_open,
	.release = copy_release,
	.read = copy_read,
	.write = copy_write,
};

static struct dentry *copy_file;

static int __init copy_init(void)
{
	copy_file = debugfs_create_file(KBUILD_MODNAME, 0600, NULL, NULL,
					&copy_fops);
	return 0;
}

static void __exit copy_exit(void)
{
	debugfs_remove(copy_file);
}

module_init(copy_init);
module_exit(copy_exit);

MODULE_DESCRIPTION("Copies through PCI peer-to-peer memory, for tests");
MODULE_LICENSE("GPL");
