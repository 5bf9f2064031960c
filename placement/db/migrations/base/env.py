from placement.db.migrations.run import run

run()
