/* SPDX-License-Identifier: GPL-2.0 */
/*
 * PCI peer-to-peer DMA: memory in one PCI device's BAR as the source or the
 * target of another device's DMA.
 *
 * Provider:     the device whose BAR holds the memory, called p2pmem.
 * Client:       a device that DMAs to or from it.
 * Orchestrator: the driver that picks a provider for a list of clients and
 *               allocates from it.
 *
 * See Documentation/driver-api/pci/p2pdma.rst; the contract of every call is
 * at its definition in drivers/pci/p2pdma*.c.
 */
#ifndef _LINUX_PCI_P2PDMA_H
#define _LINUX_PCI_P2PDMA_H

#include <linux/dma-direction.h>
#include <linux/list.h>
#include <linux/pci.h>

struct device;
struct page;
struct scatterlist;

/**
 * struct pci_p2pmem_holder - told when peer-to-peer memory is to be freed
 * @let_go: called for that; see pci_p2pmem_add_holder()
 * @node: private
 */
struct pci_p2pmem_holder {
	void (*let_go)(struct pci_p2pmem_holder *holder);
	struct list_head node;
};

/*
 * Calls fn() with @data for each present member of a group, and with NULL for
 * one that is no client; see pci_p2pdma_add_group()
 */
typedef void p2pdma_members_fn(struct device *group,
			       void (*fn)(struct device *member, void *data),
			       void *data);

/**
 * pci_p2pdma_pgprot() - Give a mapping the memory type of p2pmem
 * @prot: protection of the mapping
 *
 * Mappings of one page must not differ in their type: user mappings and the
 * kernel's have this one.
 *
 * arm64: Normal, non-cacheable. Device-nGnRnE, which pgprot_noncached() is there,
 * faults on unaligned accesses and on what memset() uses to clear, and neither
 * user space nor the block layer's memcpy() can tell that a page is p2pmem.
 * Elsewhere uncached: x86's write combining is a type of its own, which conflicts
 * with other mappings of the BAR.
 *
 * Context: Any.
 * Return: @prot with that type.
 */
#define pci_p2pdma_pgprot(prot)	p2pdma_pgprot(prot)

#ifdef CONFIG_ARM64
#define p2pdma_pgprot		pgprot_writecombine
#else
#define p2pdma_pgprot		pgprot_noncached
#endif

#ifdef CONFIG_PCI_P2PDMA

/* Provider */
int pci_p2pdma_add_resource(struct pci_dev *pdev, int bar, size_t size,
			    u64 offset);
void pci_p2pdma_remove_resource(struct pci_dev *pdev, int bar, u64 offset);
bool pci_p2pdma_align_range(struct pci_dev *pdev, int bar, u64 *size,
			    u64 *offset);
void pci_p2pmem_publish(struct pci_dev *pdev, bool publish);
void pci_p2pmem_drain(struct pci_dev *pdev);

/* Orchestrator: the list of clients. The caller serialises calls on a list. */
int pci_p2pdma_add_client(struct list_head *head, struct device *dev);
int pci_p2pdma_add_group(struct list_head *head, struct device *dev,
			 p2pdma_members_fn *members);
void pci_p2pdma_remove_client(struct list_head *head, struct device *dev);
void pci_p2pdma_client_list_free(struct list_head *head);

/* Orchestrator: the provider */
int pci_p2pdma_distance(struct pci_dev *provider, struct list_head *clients);
bool pci_p2pdma_assign_provider(struct pci_dev *provider,
				struct list_head *clients);
struct pci_dev *pci_p2pmem_find(struct list_head *clients);
bool pci_has_p2pmem(struct pci_dev *pdev);

/* The same questions about an array of devices */
int pci_p2pdma_distance_many(struct pci_dev *provider, struct device **clients,
			     int num_clients, bool verbose);
struct pci_dev *pci_p2pmem_find_many(struct device **clients, int num_clients);

/* What a client that is chosen for each request can do with a page */
bool pci_p2pdma_can_map(struct device *dev,
			const struct page *page, enum dma_data_direction dir,
			bool verbose);
bool pci_p2pmem_is_intact(const struct page *page);

/* Memory */
void *pci_alloc_p2pmem(struct pci_dev *pdev, size_t size);
void pci_free_p2pmem(struct pci_dev *pdev, void *addr, size_t size);
pci_bus_addr_t pci_p2pmem_virt_to_bus(struct pci_dev *pdev, void *addr);
int pci_p2pmem_alloc_sgl(struct pci_dev *pdev, struct scatterlist **sgl,
			 unsigned int *nents, u32 length);
void pci_p2pmem_free_sgl(struct pci_dev *pdev, struct scatterlist *sgl,
			 unsigned int nents);

/* A holder of memory is told that its provider is about to be reset or to go. */
int pci_p2pmem_add_holder(struct pci_dev *provider,
			  struct pci_p2pmem_holder *holder);
void pci_p2pmem_remove_holder(struct pci_p2pmem_holder *holder);

/* A configfs or sysfs attribute that selects a provider */
int pci_p2pdma_enable_store(const char *page, struct pci_dev **p2p_dev,
			    bool *use_p2pdma);
ssize_t pci_p2pdma_enable_show(char *page, struct pci_dev *p2p_dev,
			       bool use_p2pdma);

#else /* CONFIG_PCI_P2PDMA */

static inline int pci_p2pdma_add_resource(struct pci_dev *pdev, int bar,
					  size_t size, u64 offset)
{
	return -EOPNOTSUPP;
}

static inline void pci_p2pdma_remove_resource(struct pci_dev *pdev, int bar,
					      u64 offset)
{
}

static inline bool pci_p2pdma_align_range(struct pci_dev *pdev, int bar,
					  u64 *size, u64 *offset)
{
	return true;
}

static inline void pci_p2pmem_publish(struct pci_dev *pdev, bool publish)
{
}

static inline void pci_p2pmem_drain(struct pci_dev *pdev)
{
}

static inline int pci_p2pdma_add_client(struct list_head *head,
					struct device *dev)
{
	return -EOPNOTSUPP;
}

static inline int pci_p2pdma_add_group(struct list_head *head,
				       struct device *dev,
				       p2pdma_members_fn *members)
{
	return -EOPNOTSUPP;
}

static inline void pci_p2pdma_remove_client(struct list_head *head,
					    struct device *dev)
{
}

static inline void pci_p2pdma_client_list_free(struct list_head *head)
{
}

static inline int pci_p2pdma_distance(struct pci_dev *provider,
				      struct list_head *clients)
{
	return -EOPNOTSUPP;
}

static inline bool pci_p2pdma_assign_provider(struct pci_dev *provider,
					      struct list_head *clients)
{
	return false;
}

static inline struct pci_dev *pci_p2pmem_find(struct list_head *clients)
{
	return NULL;
}

static inline bool pci_has_p2pmem(struct pci_dev *pdev)
{
	return false;
}

static inline int pci_p2pdma_distance_many(struct pci_dev *provider,
					   struct device **clients,
					   int num_clients, bool verbose)
{
	return -EOPNOTSUPP;
}

static inline struct pci_dev *pci_p2pmem_find_many(struct device **clients,
						   int num_clients)
{
	return NULL;
}

static inline bool
pci_p2pdma_can_map(struct device *dev,
		   const struct page *page, enum dma_data_direction dir,
		   bool verbose)
{
	return false;
}

static inline bool pci_p2pmem_is_intact(const struct page *page)
{
	return true;
}

static inline void *pci_alloc_p2pmem(struct pci_dev *pdev, size_t size)
{
	return NULL;
}

static inline void pci_free_p2pmem(struct pci_dev *pdev, void *addr,
				   size_t size)
{
}

static inline pci_bus_addr_t pci_p2pmem_virt_to_bus(struct pci_dev *pdev,
						    void *addr)
{
	return 0;
}

static inline int pci_p2pmem_alloc_sgl(struct pci_dev *pdev,
				       struct scatterlist **sgl,
				       unsigned int *nents, u32 length)
{
	return -EOPNOTSUPP;
}

static inline void pci_p2pmem_free_sgl(struct pci_dev *pdev,
				       struct scatterlist *sgl,
				       unsigned int nents)
{
}

static inline int pci_p2pmem_add_holder(struct pci_dev *provider,
					struct pci_p2pmem_holder *holder)
{
	return -EOPNOTSUPP;
}

static inline void pci_p2pmem_remove_holder(struct pci_p2pmem_holder *holder)
{
}

static inline int pci_p2pdma_enable_store(const char *page,
					  struct pci_dev **p2p_dev,
					  bool *use_p2pdma)
{
	return -EOPNOTSUPP;
}

static inline ssize_t pci_p2pdma_enable_show(char *page,
					     struct pci_dev *p2p_dev,
					     bool use_p2pdma)
{
	return -EOPNOTSUPP;
}

#endif /* CONFIG_PCI_P2PDMA */

#endif /* _LINUX_PCI_P2PDMA_H */
