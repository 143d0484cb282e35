# One managed identity for each workload, those of GitHub Actions, and two for the cluster itself.

locals {
  # Those of the chart: the ServiceAccount of each is fraud-NAME.
  workloads = toset(["tracking", "inference", "promoter", "trainer", "batch", "monitoring", "watch"])

  github_issuer = "https://token.actions.githubusercontent.com"

  # A pull request is not among them: whoever may push a branch could then use the identity.
  github_subjects = {
    main       = "repo:${var.github_repository}:ref:refs/heads/main"
    staging    = "repo:${var.github_repository}:environment:staging"
    release    = "repo:${var.github_repository}:environment:release"
    production = "repo:${var.github_repository}:environment:production"
  }

  # identity => the environment of GitHub that alone has it (docs/operations/promotion.md)
  github_environments = { promoter = "production", evaluator = "evaluation", planner = "plan" }

  federated_credentials = merge(
    {
      for name in local.workloads : "${name}-cluster" => {
        identity = name
        issuer   = azurerm_kubernetes_cluster.main.oidc_issuer_url
        subject  = "system:serviceaccount:${local.namespace}:fraud-${name}"
      } if name != "promoter" || var.promoter_in_cluster
    },
    {
      # The chart's migration runs before its other ServiceAccounts exist.
      "tracking-migration" = {
        identity = "tracking"
        issuer   = azurerm_kubernetes_cluster.main.oidc_issuer_url
        subject  = "system:serviceaccount:${local.namespace}:fraud-migration"
      }
    },
    {
      for name, subject in local.github_subjects : "github-${name}" => {
        identity = "github"
        issuer   = local.github_issuer
        subject  = subject
      } if var.github_protection != "none"
    },
    {
      for name, environment in local.github_environments : "${name}-${environment}" => {
        identity = name
        issuer   = local.github_issuer
        subject  = "repo:${var.github_repository}:environment:${environment}"
      } if var.github_protection == "reviewers" || (var.github_protection == "branches" && name == "evaluator")
    },
  )
}

resource "azurerm_user_assigned_identity" "main" {
  for_each = setunion(local.workloads, ["github"], keys(local.github_environments))

  name                = "id-${var.name}-${each.key}"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  tags                = local.tags
}

resource "azurerm_user_assigned_identity" "cluster" {
  for_each = toset(["aks", "kubelet"])

  name                = "id-${var.name}-${each.key}"
  location            = azurerm_resource_group.main.location
  resource_group_name = azurerm_resource_group.main.name
  tags                = local.tags
}

resource "azurerm_federated_identity_credential" "main" {
  for_each = local.federated_credentials

  name                      = each.key
  user_assigned_identity_id = azurerm_user_assigned_identity.main[each.value.identity].id
  issuer                    = each.value.issuer
  subject                   = each.value.subject
  audience                  = ["api://AzureADTokenExchange"]
}
