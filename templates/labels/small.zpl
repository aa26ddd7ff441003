{%- extends "label.zpl" -%}
{%- block drawing %}
{%- if label.test %}{{ parts.stripes(0, 561, 10, 300, 10) }}{% endif %}
{%- endblock %}
