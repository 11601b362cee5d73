/* SPDX-License-Identifier: GPL-2.0 */
/*
 * lsp2pdma: as much of the kernel as its rules need
 *
 * drivers/pci/p2pdma_topology.c, drivers/pci/p2pdma_shadow.c and what of
 * drivers/pci/quirks.c knows ACS are compiled into the tool as they are. They
 * follow pointers in these structures, and read config space of the model.
 * linux/ has the headers that they include; all lead here.
 */
#ifndef _LSP2PDMA_KERNEL_H
#define _LSP2PDMA_KERNEL_H

#include <errno.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <linux/pci_regs.h>

/* The kernel's names of vendors */
#include "../../../include/linux/pci_ids.h"

/* drivers/pci/pci.h, which is found before any other, adds nothing. */
#define DRIVERS_PCI_H

typedef uint8_t u8;
typedef uint16_t u16;
typedef uint32_t u32;
typedef uint64_t u64;

#define ARRAY_SIZE(a)		(sizeof(a) / sizeof(*(a)))
#define BIT_ULL(n)		(1ULL << (n))
#define GENMASK(h, l)		((~0U << (l)) & (~0U >> (31 - (h))))
#define GENMASK_ULL(h, l)	((~0ULL << (l)) & (~0ULL >> (63 - (h))))
#define noinline
#define __flatten
#define READ_ONCE(x)		(x)
#define WRITE_ONCE(x, value)	((x) = (value))

static inline u64 FIELD_GET(u64 mask, u64 value)
{
	return (value & mask) >> __builtin_ctzll(mask);
}

static inline u64 FIELD_PREP(u64 mask, u64 value)
{
	return value << __builtin_ctzll(mask) & mask;
}

static inline u16 min(u16 a, u16 b)
{
	return a < b ? a : b;
}

/* One thread */
#define DEFINE_SPINLOCK(name)			char name
#define spin_lock_irqsave(lock, flags)		((void)(lock), (flags) = 0)
#define spin_unlock_irqrestore(lock, flags)	((void)(lock), (void)(flags))

#define PCI_DEVFN(slot, func)		((slot) << 3 | (func))
#define PCI_ANY_ID			(~0)
#define PCI_CLASS_BRIDGE_HOST		0x0600
#define PCI_CFG_SPACE_SIZE		256
#define PCI_CFG_SPACE_EXP_SIZE		4096
#define PCI_POSSIBLE_ERROR(value)	((value) == (typeof(value))~0)
#define PCI_DEV_FLAGS_ACS_ENABLED_QUIRK	1

struct function;

struct pci_host_bridge {
	u64 p2pdma;
	bool encrypted;
};

struct device {
	bool dma_iommu;
};

struct pci_bus {
	struct pci_dev *self;
	struct pci_host_bridge *host;
};

struct pci_dev {
	struct device dev;
	struct pci_bus *bus;
	struct pci_bus *subordinate;
	struct pci_dev *physfn;
	unsigned int devfn;
	unsigned short vendor, device;
	unsigned int class;
	unsigned int untrusted:1, is_virtfn:1, ats_enabled:1;
	unsigned int dev_flags;
	unsigned int cfg_size;
	u8 pcie_cap;
	u16 pcie_flags;
	u16 acs_cap;
	u16 acs_capabilities;
	u16 acs_ctrl;
	u16 tlp_sizes;
	int depth;
	const struct function *fn;
};

enum pci_p2pdma_map_type {
	PCI_P2PDMA_MAP_UNKNOWN,
	PCI_P2PDMA_MAP_NOT_SUPPORTED,
	PCI_P2PDMA_MAP_BUS_ADDR,
	PCI_P2PDMA_MAP_THRU_HOST_BRIDGE,
};

enum cc_attr { CC_ATTR_HOST_MEM_ENCRYPT };

/* Of the machine that is judged */
bool cc_platform_has(enum cc_attr attr);

static inline struct pci_dev *pci_physfn(struct pci_dev *dev)
{
	return dev->physfn ? dev->physfn : dev;
}

static inline bool pci_is_pcie(const struct pci_dev *dev)
{
	return dev->pcie_cap;
}

/* As in the kernel, 0 (an endpoint) for what isn't PCI Express */
static inline int pci_pcie_type(const struct pci_dev *dev)
{
	return (dev->pcie_flags & PCI_EXP_FLAGS_TYPE) >> 4;
}

static inline bool pcie_downstream_port(const struct pci_dev *dev)
{
	int type = pci_pcie_type(dev);

	return type == PCI_EXP_TYPE_ROOT_PORT || type == PCI_EXP_TYPE_DOWNSTREAM ||
	       type == PCI_EXP_TYPE_PCIE_BRIDGE;
}

static inline struct pci_dev *pci_upstream_bridge(struct pci_dev *dev)
{
	return pci_physfn(dev)->bus->self;
}

static inline bool pci_is_root_bus(const struct pci_bus *bus)
{
	return !bus->self;
}

static inline struct pci_host_bridge *pci_find_host_bridge(struct pci_bus *bus)
{
	return bus->host;
}

static inline bool use_dma_iommu(const struct device *dev)
{
	return dev->dma_iommu;
}

int pci_read_config_dword(struct pci_dev *dev, int pos, u32 *value);
int pcie_capability_read_word(struct pci_dev *dev, int pos, u16 *value);
int pcie_capability_read_dword(struct pci_dev *dev, int pos, u32 *value);
int pci_dev_specific_acs_enabled(struct pci_dev *dev, u16 acs_flags);

/* drivers/pci/p2pdma_shadow.c */
void p2pdma_shadow_init(struct pci_dev *dev);
void p2pdma_shadow_acs(struct pci_dev *dev);
void p2pdma_shadow_sizes(struct pci_dev *dev);
void p2pdma_shadow_write(struct pci_dev *dev, int pos, int size);

#endif /* _LSP2PDMA_KERNEL_H */
