# --- where, and for whom ---

variable "subscription_id" {
  type        = string
  description = "Id of the subscription that everything is made in."

  validation {
    condition     = can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", var.subscription_id))
    error_message = "subscription_id must be a UUID in lower case, as `az account show --query id` prints it."
  }
}

variable "name" {
  type        = string
  description = "Name of this platform, part of every resource's name. Several of these are unique in all of Azure, so add something of your own, such as contosofraud."

  validation {
    condition     = can(regex("^[a-z][a-z0-9]{2,15}$", var.name))
    error_message = "name must be 3 to 16 lower-case letters and digits, and begin with a letter."
  }
}

variable "location" {
  type        = string
  description = "Azure region, such as westeurope. Availability zones need one that has them."

  validation {
    condition     = can(regex("^[a-z]+[0-9]?$", var.location))
    error_message = "location must be a region's short name, such as westeurope (`az account list-locations`)."
  }
}

variable "tags" {
  type        = map(string)
  default     = {}
  description = "Tags of every resource, beside `platform`."
}

variable "admin_groups" {
  type        = map(string)
  description = "Entra groups, display name => object id, whose members administer cluster, database, secrets and Grafana, and apply this configuration. None of them may sign with the ledger's key."

  validation {
    condition     = length(var.admin_groups) > 0 && alltrue([for id in values(var.admin_groups) : can(regex("^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$", id))])
    error_message = "admin_groups must hold at least one group with its object id, a UUID: local accounts are off, and nobody else could administer the cluster."
  }
}

variable "github_repository" {
  type        = string
  description = "Repository whose workflows may sign in, as ORG/REPO; with GitHub's immutable subjects, ORG@ID/REPO@ID."

  validation {
    condition     = can(regex("^[A-Za-z0-9][A-Za-z0-9-]*(@[0-9]+)?/[A-Za-z0-9._-]+(@[0-9]+)?$", var.github_repository))
    error_message = "github_repository must be ORG/REPO, without https://github.com/ and without a wildcard."
  }
}

variable "github_protection" {
  type        = string
  default     = "reviewers"
  description = "What GitHub's plan has for this repository: `reviewers` that environments require, `branches` alone, or `none`. Without reviewers, GitHub's jobs can neither sign nor plan; with none, they have no identity."

  validation {
    condition     = contains(["reviewers", "branches", "none"], var.github_protection)
    error_message = "github_protection must be reviewers, branches or none: deploy/github/setup says which of them GitHub has."
  }
}

variable "promoter_in_cluster" {
  type        = bool
  default     = true
  description = "Whether the chart's promotion job may sign, too. Whoever may make pods in the namespace `fraud` can then do so as its ServiceAccount; with false, only GitHub's environment `production` signs."
}

# --- network ---

variable "address_space" {
  type        = string
  default     = "10.40.0.0/16"
  description = "Addresses of the virtual network, in CIDR notation. Pods and Services have their own (10.244.0.0/16, 10.245.0.0/16), which it must not overlap."

  validation {
    condition     = can(cidrhost(var.address_space, 0)) && try(tonumber(split("/", var.address_space)[1]), 99) <= 20
    error_message = "address_space must be a network of /20 or larger, such as 10.40.0.0/16."
  }

  validation {
    condition     = !can(regex("^10\\.24[45]\\.", var.address_space)) && var.address_space != "10.0.0.0/8"
    error_message = "address_space must not overlap 10.244.0.0/16 (pods) and 10.245.0.0/16 (Services)."
  }
}

variable "private_cluster_enabled" {
  type        = bool
  default     = true
  description = "Whether the Kubernetes API is reachable from the virtual network alone. With false it has a public address that `operator_ip_ranges` alone may use."
}

variable "operator_ip_ranges" {
  type        = list(string)
  default     = []
  description = "Public IPv4 ranges of whoever applies this from outside of the virtual network. Key Vault, the registry and, unless it is private, the Kubernetes API let them in. Needed for the first apply, to make the signing keys; [] closes them again."

  validation {
    condition     = alltrue([for range in var.operator_ip_ranges : can(cidrhost(range, 0)) && try(tonumber(split("/", range)[1]), 0) >= 24])
    error_message = "operator_ip_ranges must be IPv4 ranges of /24 or smaller, such as 203.0.113.7/32."
  }

  validation {
    condition     = var.private_cluster_enabled || length(var.operator_ip_ranges) > 0
    error_message = "a cluster that is not private needs operator_ip_ranges, or everybody could reach its API."
  }
}

variable "registry_public_access_enabled" {
  type        = bool
  default     = false
  description = "Whether the container registry is reachable from everywhere, by Entra identities alone. GitHub's own runners need it to push images; with false, push from a runner in the virtual network."
}

variable "grafana_public_access_enabled" {
  type        = bool
  default     = false
  description = "Whether people reach Grafana without a way into the virtual network. They sign in with Entra ID in both cases."
}

# --- sizes ---

variable "zones" {
  type        = list(string)
  default     = ["1", "2", "3"]
  description = "Availability zones of the nodes; [] in a region that has none."

  validation {
    condition     = alltrue([for zone in var.zones : contains(["1", "2", "3"], zone)]) && length(distinct(var.zones)) == length(var.zones)
    error_message = "zones must be different ones of 1, 2 and 3."
  }
}

variable "cluster_sku_tier" {
  type        = string
  default     = "Standard"
  description = "Free has no agreed availability; Standard has."

  validation {
    condition     = contains(["Free", "Standard", "Premium"], var.cluster_sku_tier)
    error_message = "cluster_sku_tier must be Free, Standard or Premium."
  }
}

variable "system_pool" {
  type = object({
    vm_size   = string
    min_count = number
    max_count = number
  })
  description = "Nodes of Kubernetes' own pods: size, and bounds of the autoscaler."

  validation {
    condition     = var.system_pool.min_count >= 1 && var.system_pool.min_count <= var.system_pool.max_count && var.system_pool.max_count <= 1000
    error_message = "system_pool: 1 <= min_count <= max_count <= 1000."
  }
}

variable "user_pool" {
  type = object({
    vm_size   = string
    min_count = number
    max_count = number
  })
  description = "Nodes of the platform's pods: size, and bounds of the autoscaler."

  validation {
    condition     = var.user_pool.min_count >= 1 && var.user_pool.min_count <= var.user_pool.max_count && var.user_pool.max_count <= 1000
    error_message = "user_pool: 1 <= min_count <= max_count <= 1000."
  }
}

variable "postgresql" {
  type = object({
    sku_name              = string
    storage_mb            = number
    backup_retention_days = number
    zone_redundant        = bool
    geo_redundant_backup  = bool
  })
  description = "The tracking server's database. `zone_redundant` keeps a standby in another zone, at twice the price; it is not to be had for burstable sizes (B_)."

  validation {
    condition     = var.postgresql.backup_retention_days >= 7 && var.postgresql.backup_retention_days <= 35
    error_message = "postgresql.backup_retention_days must be 7 to 35."
  }

  validation {
    condition     = !(var.postgresql.zone_redundant && startswith(var.postgresql.sku_name, "B_"))
    error_message = "postgresql.zone_redundant needs a size that is not burstable, such as GP_Standard_D2ds_v5."
  }

  validation {
    condition     = contains([32768, 65536, 131072, 262144, 524288, 1048576, 2097152, 4193280, 4194304, 8388608, 16777216, 33553408], var.postgresql.storage_mb)
    error_message = "postgresql.storage_mb must be one of Azure's steps: 32768, 65536, 131072 and so on."
  }
}

variable "redis" {
  type = object({
    sku_name          = string
    high_availability = bool
  })
  description = "The store of features. Without high availability, a failure loses what was recorded since the last second, and maintenance interrupts it."

  validation {
    condition     = can(regex("^(Balanced_B|MemoryOptimized_M|ComputeOptimized_X)[0-9]+$", var.redis.sku_name))
    error_message = "redis.sku_name must be a size of Azure Managed Redis in memory, such as Balanced_B1."
  }
}

variable "storage_replication" {
  type        = string
  default     = "ZRS"
  description = "Copies of the storage account: LRS (one data centre), ZRS (three zones), GZRS (and another region)."

  validation {
    condition     = contains(["LRS", "ZRS", "GRS", "GZRS"], var.storage_replication)
    error_message = "storage_replication must be LRS, ZRS, GRS or GZRS."
  }
}

# --- how long things are kept ---

variable "evidence_retention_days" {
  type        = number
  default     = 3650
  description = "How long a file of evidence can be neither changed nor deleted, in days from its creation."

  validation {
    condition     = var.evidence_retention_days >= 365 && var.evidence_retention_days <= 146000 && floor(var.evidence_retention_days) == var.evidence_retention_days
    error_message = "evidence_retention_days must be a whole number of days from 365 to 146000."
  }
}

variable "evidence_policy_locked" {
  type        = bool
  default     = false
  description = "Whether the policy of the evidence can be lifted no more, by nobody. CANNOT BE UNDONE: storage account and container can then not be deleted before the last file's time is over. Set it once the platform is to stay."
}

variable "soft_delete_days" {
  type        = number
  default     = 30
  description = "How long deleted files and containers can be brought back, in days."

  validation {
    condition     = var.soft_delete_days >= 7 && var.soft_delete_days <= 365
    error_message = "soft_delete_days must be 7 to 365."
  }
}

variable "log_retention_days" {
  type        = number
  default     = 90
  description = "How long Log Analytics keeps logs, such as that of every use of a signing key, in days."

  validation {
    condition     = var.log_retention_days >= 30 && var.log_retention_days <= 730
    error_message = "log_retention_days must be 30 to 730."
  }
}

variable "log_daily_quota_gb" {
  type        = number
  default     = 5
  description = "Maximum that Log Analytics takes in a day, in GB; -1 for no limit. The rest of the day's logs are lost then."

  validation {
    condition     = var.log_daily_quota_gb == -1 || var.log_daily_quota_gb >= 0.1
    error_message = "log_daily_quota_gb must be at least 0.1, or -1."
  }
}

# --- who is told ---

variable "alert_emails" {
  type        = list(string)
  description = "Who gets mail about alerts of Prometheus and about the budget."

  validation {
    condition     = length(var.alert_emails) > 0 && alltrue([for mail in var.alert_emails : can(regex("^[^@ ]+@[^@ ]+\\.[^@ ]+$", mail))])
    error_message = "alert_emails must hold at least one mail address."
  }
}

variable "monthly_budget" {
  type        = number
  description = "Budget for a month, in the currency of the subscription. It is an alert: nothing is switched off."

  validation {
    condition     = var.monthly_budget > 0
    error_message = "monthly_budget must be above 0."
  }
}
