"""The workflows of .github/workflows, read and run without GitHub.

workflows     a workflow's jobs, whose `run` scripts are executed with the expressions resolved
expressions   the expressions `${{ … }}` that our workflows use
job_cluster   a cluster whose API server starts a process for each Job
stand_ins     programs that record what they are asked
repository    a clone with a ledger, its environment on a runner, and stand-ins for Azure's programs
"""
