// SPDX-License-Identifier: GPL-2.0
/*
 * An NVMe fabric for tests: host and target in one machine, and between them
 * the DMA engine of QEMU's "edu" device, see edu_dma.c
 *
 * The edu stands in for an RDMA card. The target gives its requests memory
 * from nvmet_req_alloc_sgls(), which is peer-to-peer memory if it may be; the
 * engine fetches a write's payload from the host's pages into it, and stores a
 * read's payload from it. The host's pages are the far end of the wire: no
 * other device of this machine reads or writes them.
 *
 *   nvme connect -t edu -a 0000:06:00.0 -n NQN		by the edu at this address
 *
 * The target's port is of type "fc", a number that its configfs has and that
 * nobody else uses here, and its traddr is the same address. In debugfs,
 * nvme_edu/p2pmem and nvme_edu/memory count the bytes of I/O payload that the
 * engine moved from or to each on the target's side.
 *
 * A test's transport: one queue for I/O, no asynchronous events, and instead
 * of a reset the controller is removed.
 */

#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/atomic.h>
#include <linux/blk-mq.h>
#include <linux/debugfs.h>
#include <linux/dma-mapping.h>
#include <linux/memremap.h>
#include <linux/module.h>
#include <linux/nvme.h>
#include <linux/scatterlist.h>
#include <linux/workqueue.h>

#include "nvmet.h"
#include "../host/nvme.h"
#include "../host/fabrics.h"

#include "edu_dma.h"

#define MAX_SECTORS	128
#define MAX_SEGMENTS	(MAX_SECTORS / 8 + 1)

struct edu_queue {
	struct nvmet_cq cq;
	struct nvmet_sq sq;
	struct edu_ctrl *ctrl;
	bool live;
};

enum { ADMIN, IO, NR_QUEUES };

struct edu_ctrl {
	struct nvme_ctrl nvme;
	struct list_head node;
	struct edu *edu;
	struct nvmet_port *port;
	struct blk_mq_tag_set admin_tags, io_tags;
	struct edu_queue queues[NR_QUEUES];
};

/* A command: host's and target's view of it */
struct edu_cmd {
	struct nvme_request nvme;	/* first, as nvme_req() wants it */
	struct nvme_command sqe;
	struct nvme_completion cqe;
	struct nvmet_req req;
	struct edu_queue *queue;
	struct work_struct receive, respond;
	struct scatterlist sgl[MAX_SEGMENTS];
};

static LIST_HEAD(ports);
static LIST_HEAD(ctrls);
static DEFINE_MUTEX(lock);		/* protects both */

static struct workqueue_struct *wire;	/* ordered, as packets are */
static atomic_t moved_p2pmem, moved_memory;
static struct dentry *dir;

static const struct nvmet_fabrics_ops target_ops;

static struct edu_ctrl *to_edu_ctrl(struct nvme_ctrl *nvme)
{
	return container_of(nvme, struct edu_ctrl, nvme);
}

/* The wire */

static bool has_payload(struct edu_cmd *cmd)
{
	return cmd->req.transfer_len;
}

static void count(struct edu_cmd *cmd)
{
	if (!cmd->req.sq->qid)
		return;
	if (is_pci_p2pdma_page(sg_page(cmd->req.sg)))
		atomic_add(cmd->req.transfer_len, &moved_p2pmem);
	else
		atomic_add(cmd->req.transfer_len, &moved_memory);
}

/* Between the host's pages and the target's memory */
static int move_payload(struct edu_cmd *cmd)
{
	struct request *rq = blk_mq_rq_from_pdu(cmd);
	struct edu *edu = cmd->queue->ctrl->edu;
	struct device *dev = edu_device(edu);
	bool is_write = rq_data_dir(rq) == WRITE;
	struct sg_table host = { .sgl = cmd->sgl };
	struct sg_table target = {
		.sgl = cmd->req.sg,
		.nents = cmd->req.sg_cnt,
		.orig_nents = cmd->req.sg_cnt,
	};
	int ret;

	sg_init_table(cmd->sgl, MAX_SEGMENTS);
	host.orig_nents = blk_rq_map_sg(rq->q, rq, cmd->sgl);
	ret = dma_map_sgtable(dev, &host, is_write ? DMA_TO_DEVICE :
						     DMA_FROM_DEVICE, 0);
	if (ret)
		return ret;
	ret = dma_map_sgtable(dev, &target, is_write ? DMA_FROM_DEVICE :
						       DMA_TO_DEVICE, 0);
	if (ret)
		goto unmap_host;

	if (is_write)
		edu_copy(edu, target.sgl, host.sgl, cmd->req.transfer_len);
	else
		edu_copy(edu, host.sgl, target.sgl, cmd->req.transfer_len);
	count(cmd);

	dma_unmap_sgtable(dev, &target, is_write ? DMA_FROM_DEVICE :
						   DMA_TO_DEVICE, 0);
unmap_host:
	dma_unmap_sgtable(dev, &host, is_write ? DMA_TO_DEVICE :
						 DMA_FROM_DEVICE, 0);
	return ret;
}

/* The target */

static void receive(struct work_struct *work)
{
	struct edu_cmd *cmd = container_of(work, struct edu_cmd, receive);
	struct request *rq = blk_mq_rq_from_pdu(cmd);
	struct edu_ctrl *ctrl = cmd->queue->ctrl;
	struct nvmet_req *req = &cmd->req;

	req->cmd = &cmd->sqe;
	req->cqe = &cmd->cqe;
	req->port = ctrl->port;
	if (dma_pci_p2pdma_supported(edu_device(ctrl->edu)))
		req->p2p_client = edu_device(ctrl->edu);
	if (!nvmet_req_init(req, &cmd->queue->cq, &cmd->queue->sq, &target_ops))
		return;		/* which has completed it with an error */

	if (blk_rq_nr_phys_segments(rq)) {
		req->transfer_len = blk_rq_payload_bytes(rq);
		if (nvmet_req_alloc_sgls(req)) {
			req->transfer_len = 0;
			nvmet_req_complete(req, NVME_SC_INTERNAL);
			return;
		}
		if (rq_data_dir(rq) == WRITE && move_payload(cmd)) {
			nvmet_req_complete(req, NVME_SC_DATA_XFER_ERROR);
			return;
		}
	}
	req->execute(req);
}

static void respond(struct work_struct *work)
{
	struct edu_cmd *cmd = container_of(work, struct edu_cmd, respond);
	struct request *rq = blk_mq_rq_from_pdu(cmd);
	bool succeeded = !(le16_to_cpu(cmd->cqe.status) >> 1);

	if (has_payload(cmd)) {
		if (rq_data_dir(rq) == READ && succeeded && move_payload(cmd))
			cmd->cqe.status =
				cpu_to_le16(NVME_SC_DATA_XFER_ERROR << 1);
		nvmet_req_free_sgls(&cmd->req);
	}
	if (!nvme_try_complete_req(rq, cmd->cqe.status, cmd->cqe.result))
		nvme_complete_rq(rq);
}

/* Called where the drive's interrupt is handled, too */
static void target_respond(struct nvmet_req *req)
{
	struct edu_cmd *cmd = container_of(req, struct edu_cmd, req);

	queue_work(wire, &cmd->respond);
}

static int target_add_port(struct nvmet_port *port)
{
	port->priv = edu_find(port->disc_addr.traddr);
	if (!port->priv) {
		pr_err("there is no edu at %s\n", port->disc_addr.traddr);
		return -ENODEV;
	}
	mutex_lock(&lock);
	list_add_tail(&port->entry, &ports);
	mutex_unlock(&lock);
	return 0;
}

static void target_remove_port(struct nvmet_port *port)
{
	mutex_lock(&lock);
	list_del_init(&port->entry);
	mutex_unlock(&lock);
	/* Its controllers are being deleted, and use it until they are. */
	flush_workqueue(nvme_delete_wq);
}

static void target_delete_ctrl(struct nvmet_ctrl *target)
{
	struct edu_ctrl *ctrl;

	mutex_lock(&lock);
	list_for_each_entry(ctrl, &ctrls, node)
		if (ctrl->nvme.cntlid == target->cntlid)
			nvme_delete_ctrl(&ctrl->nvme);
	mutex_unlock(&lock);
}

static const struct nvmet_fabrics_ops target_ops = {
	.owner = THIS_MODULE,
	.type = NVMF_TRTYPE_FC,
	.queue_response = target_respond,
	.add_port = target_add_port,
	.remove_port = target_remove_port,
	.delete_ctrl = target_delete_ctrl,
};

/* The host: commands */

static blk_status_t host_queue_rq(struct blk_mq_hw_ctx *hctx,
				  const struct blk_mq_queue_data *bd)
{
	struct edu_cmd *cmd = blk_mq_rq_to_pdu(bd->rq);
	struct edu_queue *queue = hctx->driver_data;
	struct nvme_ctrl *nvme = &queue->ctrl->nvme;
	blk_status_t status;

	if (!nvme_check_ready(nvme, bd->rq, READ_ONCE(queue->live)))
		return nvme_fail_nonready_command(nvme, bd->rq);
	status = nvme_setup_cmd(hctx->queue->queuedata, bd->rq);
	if (status)
		return status;
	cmd->sqe.common.flags |= NVME_CMD_SGL_METABUF;
	nvme_start_request(bd->rq);
	queue_work(wire, &cmd->receive);
	return BLK_STS_OK;
}

static int host_init_request(struct blk_mq_tag_set *tags, struct request *rq,
			     unsigned int hctx, unsigned int node)
{
	struct edu_cmd *cmd = blk_mq_rq_to_pdu(rq);
	struct edu_ctrl *ctrl = to_edu_ctrl(tags->driver_data);

	nvme_req(rq)->ctrl = &ctrl->nvme;
	nvme_req(rq)->cmd = &cmd->sqe;
	cmd->queue = &ctrl->queues[tags == &ctrl->io_tags ? IO : ADMIN];
	INIT_WORK(&cmd->receive, receive);
	INIT_WORK(&cmd->respond, respond);
	return 0;
}

static int host_init_admin(struct blk_mq_hw_ctx *hctx, void *data,
			   unsigned int index)
{
	hctx->driver_data = &to_edu_ctrl(data)->queues[ADMIN];
	return 0;
}

static int host_init_io(struct blk_mq_hw_ctx *hctx, void *data,
			unsigned int index)
{
	hctx->driver_data = &to_edu_ctrl(data)->queues[IO];
	return 0;
}

static const struct blk_mq_ops admin_mq_ops = {
	.queue_rq = host_queue_rq,
	.complete = nvme_complete_rq,
	.init_request = host_init_request,
	.init_hctx = host_init_admin,
};

static const struct blk_mq_ops io_mq_ops = {
	.queue_rq = host_queue_rq,
	.complete = nvme_complete_rq,
	.init_request = host_init_request,
	.init_hctx = host_init_io,
};

/* The host: controllers */

static int start_queue(struct edu_ctrl *ctrl, int index)
{
	struct edu_queue *queue = &ctrl->queues[index];

	queue->ctrl = ctrl;
	return nvmet_sq_init(&queue->sq);
}

/* All that is on the wire arrives first. */
static void stop_queue(struct edu_ctrl *ctrl, int index)
{
	struct edu_queue *queue = &ctrl->queues[index];

	WRITE_ONCE(queue->live, false);
	flush_workqueue(wire);
	nvmet_sq_destroy(&queue->sq);
	flush_workqueue(wire);
}

static int start_admin(struct edu_ctrl *ctrl)
{
	struct nvme_ctrl *nvme = &ctrl->nvme;
	int ret;

	ret = start_queue(ctrl, ADMIN);
	if (ret)
		return ret;
	nvme->queue_count = 1;
	ret = nvme_alloc_admin_tag_set(nvme, &ctrl->admin_tags, &admin_mq_ops,
				       sizeof(struct edu_cmd));
	if (ret)
		goto stop;
	ret = nvmf_connect_admin_queue(nvme);
	if (ret)
		goto remove_tags;
	WRITE_ONCE(ctrl->queues[ADMIN].live, true);
	ret = nvme_enable_ctrl(nvme);
	if (ret)
		goto remove_tags;
	nvme->max_hw_sectors = MAX_SECTORS;
	nvme->max_segments = MAX_SEGMENTS;
	nvme_unquiesce_admin_queue(nvme);
	ret = nvme_init_ctrl_finish(nvme, false);
	if (ret)
		goto remove_tags;
	return 0;

remove_tags:
	nvme_quiesce_admin_queue(nvme);
	stop_queue(ctrl, ADMIN);
	nvme_remove_admin_tag_set(nvme);
	return ret;
stop:
	stop_queue(ctrl, ADMIN);
	return ret;
}

static void stop_admin(struct edu_ctrl *ctrl)
{
	nvme_quiesce_admin_queue(&ctrl->nvme);
	if (nvme_ctrl_state(&ctrl->nvme) == NVME_CTRL_LIVE)
		nvme_disable_ctrl(&ctrl->nvme, true);
	stop_queue(ctrl, ADMIN);
	nvme_unquiesce_admin_queue(&ctrl->nvme);
	nvme_remove_admin_tag_set(&ctrl->nvme);
}

static int start_io(struct edu_ctrl *ctrl)
{
	struct nvme_ctrl *nvme = &ctrl->nvme;
	unsigned int nr = 1;
	int ret;

	ret = nvme_set_queue_count(nvme, &nr);
	if (ret)
		return ret;
	if (!nr)
		return -ENODEV;
	ret = start_queue(ctrl, IO);
	if (ret)
		return ret;
	nvme->queue_count = NR_QUEUES;
	ret = nvme_alloc_io_tag_set(nvme, &ctrl->io_tags, &io_mq_ops, 1,
				    sizeof(struct edu_cmd));
	if (ret)
		goto stop;
	ret = nvmf_connect_io_queue(nvme, IO);
	if (ret)
		goto remove_tags;
	WRITE_ONCE(ctrl->queues[IO].live, true);
	return 0;

remove_tags:
	nvme_quiesce_io_queues(nvme);
	stop_queue(ctrl, IO);
	nvme_unquiesce_io_queues(nvme);
	nvme_remove_io_tag_set(nvme);
	return ret;
stop:
	stop_queue(ctrl, IO);
	return ret;
}

static void host_delete_ctrl(struct nvme_ctrl *nvme)
{
	struct edu_ctrl *ctrl = to_edu_ctrl(nvme);

	nvme_quiesce_io_queues(nvme);
	stop_queue(ctrl, IO);
	nvme_unquiesce_io_queues(nvme);
	nvme_remove_io_tag_set(nvme);
	stop_admin(ctrl);
}

static void host_free_ctrl(struct nvme_ctrl *nvme)
{
	struct edu_ctrl *ctrl = to_edu_ctrl(nvme);

	mutex_lock(&lock);
	list_del(&ctrl->node);
	mutex_unlock(&lock);
	if (nvme->opts)
		nvmf_free_options(nvme->opts);
	kfree(ctrl);
}

static void host_reset(struct work_struct *work)
{
	struct nvme_ctrl *nvme = container_of(work, struct nvme_ctrl,
					      reset_work);

	dev_info(nvme->device, "no reset here: removing the controller\n");
	nvme_delete_ctrl(nvme);
}

static void host_async_event(struct nvme_ctrl *nvme)
{
}

static const struct nvme_ctrl_ops host_ops = {
	.name = "edu",
	.module = THIS_MODULE,
	.flags = NVME_F_FABRICS,
	.reg_read32 = nvmf_reg_read32,
	.reg_read64 = nvmf_reg_read64,
	.reg_write32 = nvmf_reg_write32,
	.free_ctrl = host_free_ctrl,
	.submit_async_event = host_async_event,
	.delete_ctrl = host_delete_ctrl,
	.get_address = nvmf_get_address,
};

static struct nvmet_port *find_port(const char *traddr)
{
	struct nvmet_port *port, *found = NULL;

	mutex_lock(&lock);
	list_for_each_entry(port, &ports, entry)
		if (!strcmp(port->disc_addr.traddr, traddr))
			found = port;
	mutex_unlock(&lock);
	return found;
}

static struct edu_ctrl *alloc_ctrl(struct nvmf_ctrl_options *opts)
{
	struct nvmet_port *port = find_port(opts->traddr);
	struct edu_ctrl *ctrl;

	if (!port) {
		pr_err("no port of the target is at %s\n", opts->traddr);
		return ERR_PTR(-ENODEV);
	}
	ctrl = kzalloc(sizeof(*ctrl), GFP_KERNEL);
	if (!ctrl)
		return ERR_PTR(-ENOMEM);
	INIT_LIST_HEAD(&ctrl->node);
	INIT_WORK(&ctrl->nvme.reset_work, host_reset);
	ctrl->port = port;
	ctrl->edu = port->priv;
	ctrl->nvme.opts = opts;
	ctrl->nvme.kato = opts->kato;
	ctrl->nvme.sqsize = opts->queue_size - 1;
	return ctrl;
}

static int start_ctrl(struct edu_ctrl *ctrl)
{
	struct nvme_ctrl *nvme = &ctrl->nvme;
	int ret;

	ret = nvme_add_ctrl(nvme);
	if (ret)
		return ret;
	nvme_change_ctrl_state(nvme, NVME_CTRL_CONNECTING);
	ret = start_admin(ctrl);
	if (ret)
		goto uninit;
	nvme->sqsize = min_t(u32, nvme->sqsize, nvme->maxcmd - 1);
	ret = start_io(ctrl);
	if (ret)
		goto stop_admin;
	nvme_change_ctrl_state(nvme, NVME_CTRL_LIVE);

	mutex_lock(&lock);
	list_add_tail(&ctrl->node, &ctrls);
	mutex_unlock(&lock);
	nvme_start_ctrl(nvme);
	return 0;

stop_admin:
	stop_admin(ctrl);
uninit:
	nvme_uninit_ctrl(nvme);
	return ret;
}

static struct nvme_ctrl *host_create_ctrl(struct device *dev,
					  struct nvmf_ctrl_options *opts)
{
	struct edu_ctrl *ctrl = alloc_ctrl(opts);
	int ret;

	if (IS_ERR(ctrl))
		return ERR_CAST(ctrl);
	ret = nvme_init_ctrl(&ctrl->nvme, dev, &host_ops, 0);
	if (ret) {
		kfree(ctrl);
		return ERR_PTR(ret);
	}
	ret = start_ctrl(ctrl);
	if (!ret)
		return &ctrl->nvme;

	ctrl->nvme.opts = NULL;		/* the caller frees them after an error */
	nvme_put_ctrl(&ctrl->nvme);
	return ERR_PTR(ret > 0 ? -EIO : ret);
}

static struct nvmf_transport_ops host_transport = {
	.name = "edu",
	.module = THIS_MODULE,
	.required_opts = NVMF_OPT_TRADDR,
	.allowed_opts = NVMF_OPT_CTRL_LOSS_TMO,	/* nvme-cli always says it */
	.create_ctrl = host_create_ctrl,
};

static int __init nvme_edu_init(void)
{
	int ret;

	wire = alloc_ordered_workqueue("nvme_edu", WQ_MEM_RECLAIM);
	if (!wire)
		return -ENOMEM;
	ret = edu_init();
	if (ret)
		goto destroy_wire;
	ret = nvmet_register_transport(&target_ops);
	if (ret)
		goto exit_edu;
	ret = nvmf_register_transport(&host_transport);
	if (ret)
		goto unregister_target;
	dir = debugfs_create_dir("nvme_edu", NULL);
	debugfs_create_atomic_t("p2pmem", 0444, dir, &moved_p2pmem);
	debugfs_create_atomic_t("memory", 0444, dir, &moved_memory);
	return 0;

unregister_target:
	nvmet_unregister_transport(&target_ops);
exit_edu:
	edu_exit();
destroy_wire:
	destroy_workqueue(wire);
	return ret;
}

/* Ports and controllers hold the module: there are none any more. */
static void __exit nvme_edu_exit(void)
{
	debugfs_remove(dir);
	nvmf_unregister_transport(&host_transport);
	nvmet_unregister_transport(&target_ops);
	flush_workqueue(nvme_delete_wq);
	edu_exit();
	destroy_workqueue(wire);
}

module_init(nvme_edu_init);
module_exit(nvme_edu_exit);
MODULE_DESCRIPTION("NVMe fabric for tests, by QEMU's edu device");
MODULE_LICENSE("GPL");
