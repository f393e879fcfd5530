"""What the chapters import: figures (`plotting`), ledgers (`ledger`) and quizzes (`quiz`)."""
