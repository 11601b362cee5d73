// SPDX-License-Identifier: GPL-2.0
/* Uses PCI P2PDMA by its old signatures: what the semantic patch converts. */

#include <linux/pci.h>
#include <linux/pci-p2pdma.h>

struct request {
	struct pci_dev *provider;
	struct scatterlist *table;
	unsigned int entries;
};

struct device *queue_device(int queue);

int is_near(struct pci_dev *provider, struct device *dev)
{
	if (pci_p2pdma_distance(provider, queue_device(0), false) < 0)
		return 0;
	return pci_p2pdma_distance(provider, dev, true) >= 0;
}

struct pci_dev *choose(struct pci_dev *wanted, int queue)
{
	struct pci_dev *provider;
	int dist;

	dist = pci_p2pdma_distance(wanted, queue_device(queue), true);
	if (dist >= 0)
		return pci_dev_get(wanted);
	provider = pci_p2pmem_find(queue_device(queue));
	return provider;
}

struct pci_dev *choose_for_one(struct device *dev)
{
	return pci_p2pmem_find(dev);
}

/* Converted already */
struct pci_dev *choose_for_list(struct list_head *clients)
{
	struct pci_dev *provider = pci_p2pmem_find(clients);
	LIST_HEAD(more);

	return provider ? provider : pci_p2pmem_find(&more);
}

int request_alloc(struct request *r, u32 length)
{
	r->table = pci_p2pmem_alloc_sgl(r->provider, &r->entries, length);
	if (!r->table)
		return -ENOMEM;
	return 0;
}

void request_free(struct request *r)
{
	pci_p2pmem_free_sgl(r->provider, r->table);
	r->table = NULL;
}

int use_some(struct pci_dev *provider, u32 length)
{
	struct scatterlist *table;
	unsigned int entries;

	table = pci_p2pmem_alloc_sgl(provider, &entries, length);
	if (!table)
		return -ENOMEM;
	if (!sg_nents(table)) {
		pci_p2pmem_free_sgl(provider, table);
		return -EIO;
	}
	pci_p2pmem_free_sgl(provider, table);
	return 0;
}

struct scatterlist *try_some(struct pci_dev *provider, unsigned int *entries)
{
	struct scatterlist *table;

	table = pci_p2pmem_alloc_sgl(provider, entries, 4096);
	return table;
}
